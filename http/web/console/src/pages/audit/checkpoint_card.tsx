// Signed checkpoints: make one to keep elsewhere, and hold one that was kept against the log.
import { useEffect, useState } from 'preact/hooks';
import { RefusedError, api, request, sentenceOf } from '../../data/api.ts';
import { toast } from '../../app/toasts.ts';
import { Button } from '../../ui/button.tsx';
import { download } from '../../ui/download.ts';
import { DropZone } from '../../ui/drop_zone.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { numberText } from '../../ui/text.ts';

interface Checked {
  ok: boolean;
  signature: boolean;
  key: string;
  own_key: boolean | null;
  position: number;
  signed_at: string;
  difference?: { detail: string };
}

// What this server signs with: a key's id, null for none. Not known yet, or not told: it is tried.
async function signingKey(): Promise<string | null | undefined> {
  return (await api<{ checkpoint_key?: string | null }>('/api/admin/overview').catch(() => null))?.checkpoint_key;
}

const maxFileBytes = 64 * 1024;

export function CheckpointCard() {
  const [isBusy, setBusy] = useState(false);
  const [checked, setChecked] = useState<{ file: string; result: Checked } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [key, setKey] = useState<string | null | undefined>('asking');
  useEffect(() => void signingKey().then(setKey), []);

  const doing = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    setChecked(null);
    try {
      await work();
    } catch (error) {
      setProblem(problemText(error));
    } finally {
      setBusy(false);
    }
  };
  const make = () =>
    doing(async () => {
      const answer = await request('/api/admin/checkpoints');
      const name = /filename="([^"]+)"/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1] ?? 'checkpoint.json';
      download(await answer.blob(), name);
      toast(`${name} was made: keep it where nobody who could change the database can write`);
    });
  const check = (file: File) => {
    void doing(async () => {
      if (file.size > maxFileBytes) throw new Error(`${file.name} is too large to be a checkpoint.`);
      const result = await api<Checked>('/api/admin/checkpoints/verify', { method: 'POST', body: await file.text(), type: 'application/json' });
      setChecked({ file: file.name, result });
    });
  };

  return (
    <section class="card" aria-labelledby="checkpoint-title">
      <div class="card-head">
        <h2 id="checkpoint-title">Checkpoints</h2>
        {key !== null && key !== 'asking' && <Button label="Make a checkpoint" icon="export" isBusy={isBusy} onClick={() => void make()} />}
      </div>
      <p class="muted">A checkpoint names the last event and is signed. Kept elsewhere, it proves later that nothing before it was changed or cut off.</p>
      {key === null && <HowToSign />}
      <DropZone label="Choose a checkpoint" hint="or drop it here, to hold it against the log." accept=".json,application/json" isSmall onFile={check} />
      {problem !== null && <Notice kind="warning">{problem}</Notice>}
      {checked && <Result {...checked} />}
    </section>
  );
}

function HowToSign() {
  return (
    <div class="stack">
      <p>This server has no key to sign with. Make one, and start the server with it (docs/audit.md):</p>
      <pre class="json" tabIndex={0}>{'synclog replay checkpoint --new-key private.pem > public.pem\nsynclog serve --checkpoint-key private.pem'}</pre>
    </div>
  );
}

function problemText(error: unknown): string {
  if (error instanceof RefusedError && error.problem.status === 404) return 'This server has no key to sign with: start it with --checkpoint-key.';
  if (error instanceof RefusedError && error.problem.code === 'malformed') return `This is no checkpoint: ${error.problem.detail ?? ''}`;
  return sentenceOf(error);
}

function Result({ file, result }: { file: string; result: Checked }) {
  if (!result.signature) return <Notice kind="error">{file}: the signature does not fit. It is forged or damaged.</Notice>;
  if (result.difference) return <Notice kind="error">{file}: this log is not the one that was signed. {result.difference.detail}</Notice>;
  const signer =
    result.own_key === true
      ? `signed by this server's key ${result.key}`
      : `signed by key ${result.key}, which this server does not know: compare it with its owner's`;
  return (
    <Notice kind={result.own_key === true ? 'good' : 'info'}>
      {file}: the log has event {numberText(result.position)} as it was on <Moment value={result.signed_at} />, {signer}.
    </Notice>
  );
}
