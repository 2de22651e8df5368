// What a call was answered: shown as it arrives, so that a stream can be watched too.
import { useEffect, useRef, useState } from 'preact/hooks';
import { authorization } from '../app/session.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Notice } from '../ui/notice.tsx';
import type { Call } from './call.ts';

const maxShown = 200_000; // characters
const shownHeaders = ['Content-Type', 'ETag', 'Location', 'Sync-Position', 'Link', 'Retry-After', 'Allow', 'X-Request-Id'];

interface Seen {
  status: number;
  words: string;
  headers: readonly (readonly [string, string])[];
  text: string;
  isCut: boolean;
  ms: number;
}

export function AnswerView({ call, onEnd }: { call: Call; onEnd: () => void }) {
  const [seen, setSeen] = useState<Seen | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isRunning, setRunning] = useState(true);
  const stopper = useRef<AbortController | null>(null);
  useEffect(() => {
    const given = (stopper.current = new AbortController());
    // Of a call that another has followed, nothing is shown.
    const isShown = () => stopper.current === given;
    setSeen(null);
    setProblem(null);
    setRunning(true);
    void send(call, given.signal, (part) => isShown() && setSeen(part))
      .catch((error: Error) => isShown() && !given.signal.aborted && setProblem(error.message))
      .finally(() => {
        if (!isShown()) return;
        setRunning(false);
        onEnd();
      });
    return () => {
      stopper.current = null;
      given.abort();
    };
  }, [call]);
  return (
    <section class="answer" aria-label="Answer" aria-live="polite">
      <div class="row">
        {seen ? <Badge kind={seen.status < 300 ? 'good' : seen.status < 400 ? 'plain' : 'error'}>{seen.status} {seen.words}</Badge> : isRunning && <span class="muted">Waiting</span>}
        {seen && <span class="muted">{Math.round(seen.ms)} ms</span>}
        {isRunning && <Button label="Stop" onClick={() => stopper.current?.abort()} />}
      </div>
      {problem !== null && <Notice kind="error">No answer: {problem}</Notice>}
      {seen && seen.headers.length > 0 && (
        <dl class="answer-headers">
          {seen.headers.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
        </dl>
      )}
      {seen && seen.text !== '' && <pre class="json" tabIndex={0} role="region" aria-label="Body of the answer">{pretty(seen, isRunning)}</pre>}
      {seen?.isCut && <p class="muted">The rest is not shown.</p>}
    </section>
  );
}

async function send(call: Call, signal: AbortSignal, show: (seen: Seen) => void): Promise<void> {
  const began = performance.now();
  const answer = await fetch(call.url, {
    method: call.method,
    headers: { ...authorization(), ...call.headers },
    signal,
    ...(call.body === null ? {} : { body: call.body }),
  });
  const headers = shownHeaders.flatMap((name) => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  const seen: Seen = { status: answer.status, words: answer.statusText, headers, text: '', isCut: false, ms: performance.now() - began };
  show(seen);
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    const isCut = text.length > maxShown;
    show({ ...seen, text: text.slice(0, maxShown), isCut, ms: performance.now() - began });
    if (isCut) return void reader.cancel();
  }
}

function pretty({ text, headers, isCut }: Seen, isRunning: boolean): string {
  const type = headers.find(([name]) => name === 'Content-Type')?.[1] ?? '';
  if (isCut || isRunning || !/\bjson\b/.test(type)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // several objects in a row
  }
}
