// A token is made, and shown this once.
import { useEffect, useState } from 'preact/hooks';
import { api, RefusedError, sentenceOf } from '../../data/api.ts';
import { knownBranches, lookForBranches } from '../../data/branches.ts';
import { Button } from '../../ui/button.tsx';
import { copy } from '../../ui/clipboard.ts';
import { confirm } from '../../ui/confirm.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { Notice } from '../../ui/notice.tsx';
import { roles, tokensRoute, type Role, type Token } from './access.ts';

const rights: Record<Role, string> = {
  viewer: 'reads',
  editor: 'reads and writes',
  auditor: 'reads everything and verifies it, in all branches',
  admin: 'may do everything, in all branches',
};
const lifetimes = [
  ['7d', '7 days'],
  ['90d', '90 days'],
  ['365d', 'a year'],
  ['', 'never'],
] as const;

export function NewToken({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('editor');
  const [branches, setBranches] = useState('');
  const [expires, setExpires] = useState('90d');
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const [isCopied, setCopied] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const known = knownBranches(null);
  useEffect(() => void lookForBranches(null), []);
  const hasAllBranches = role === 'auditor' || role === 'admin';
  const errorAt = (pointer: string) => (problem instanceof RefusedError ? (problem.problem.errors?.find((error) => error.pointer === pointer)?.detail ?? null) : null);
  const isPlaced = problem instanceof RefusedError && (problem.problem.errors ?? []).some(({ pointer }) => ['/name', '/role', '/branches', '/expires'].includes(pointer));
  const make = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const list = hasAllBranches ? [] : branches.split(',').map((one) => one.trim()).filter(Boolean);
      const body = { name: name.trim(), role, branches: list, ...(expires ? { expires } : {}) };
      const made = await api<Token & { token: string }>(tokensRoute, { method: 'POST', body });
      setSecret(made.token);
      onMade();
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  // Done says that it was taken down; Escape may have been a slip.
  const mayClose = () =>
    isCopied || confirm({ title: 'Close without copying?', text: 'The token cannot be shown again.', action: 'Close' });
  if (secret !== null) {
    return (
      <Dialog title={`The token of ${name.trim()}`} onClose={onClose} mayClose={mayClose} actions={<Button label="Done" kind="primary" onClick={onClose} />}>
        <Notice kind="warning">It is shown this once. The server keeps only its hash.</Notice>
        <code class="secret" tabIndex={0}>{secret}</code>
        <div class="row"><Button label="Copy" icon="copy" onClick={() => { setCopied(true); void copy(secret, 'The token is'); }} /></div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New token" onClose={onClose}>
      <form class="stack" onSubmit={(event) => void make(event)}>
        {problem !== null && !isPlaced && <Notice kind="error">{sentenceOf(problem)}</Notice>}
        <Field label="Name" required error={errorAt('/name')} hint="What the log calls whoever uses it.">
          {(ids) => <input {...ids} value={name} placeholder="front-desk" onInput={(event) => setName(event.currentTarget.value)} />}
        </Field>
        <Field label="Role" error={errorAt('/role')} hint={rights[role]}>
          {(ids) => (
            <select {...ids} value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
              {roles.map((one) => <option key={one} value={one}>{one}</option>)}
            </select>
          )}
        </Field>
        {!hasAllBranches && (
          <Field label="Branches" error={errorAt('/branches')} hint={`With commas between; empty: all of them.${known.length > 0 ? ` Known are ${known.join(', ')}.` : ''}`}>
            {(ids) => <input {...ids} value={branches} placeholder="north, south" onInput={(event) => setBranches(event.currentTarget.value)} />}
          </Field>
        )}
        <Field label="Expires" error={errorAt('/expires')}>
          {(ids) => (
            <select {...ids} value={expires} onChange={(event) => setExpires(event.currentTarget.value)}>
              {lifetimes.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
            </select>
          )}
        </Field>
        <div class="row"><Button label="Make the token" kind="primary" type="submit" isBusy={isBusy} disabled={name.trim() === ''} /></div>
      </form>
    </Dialog>
  );
}
