// What changed in a record: `[{ path: '/phone', from, to }]` as history and merges give it.
import { plainText } from './text.ts';

export interface Difference {
  /** RFC 6901 */
  path: string;
  from?: unknown;
  to?: unknown;
}

const unescaped = (part: string) => part.replace(/~1/g, '/').replace(/~0/g, '~');

/** `/data/address/city` → `data › address › city` */
export const pathText = (pointer: string): string => pointer.split('/').slice(1).map(unescaped).join(' › ') || 'the record';

export function Differences({ changes, titleOf = pathText }: { changes: readonly Difference[]; titleOf?: (path: string) => string }) {
  return (
    <ul class="differences">
      {changes.map((change) => (
        <li key={change.path}>
          <span class="difference-path">{titleOf(change.path)}</span>
          <span class="difference-values">
            {isSomething(change.from) && (
              <>
                <Side value={change.from} kind="from" />
                <span class="difference-arrow" aria-hidden="true">→</span>
              </>
            )}
            <Side value={change.to} kind="to" />
          </span>
        </li>
      ))}
    </ul>
  );
}

const isSomething = (value: unknown) => value !== undefined && value !== null && value !== '';

function Side({ value, kind }: { value: unknown; kind: 'from' | 'to' }) {
  const word = <span class="visually-hidden">{kind === 'from' ? 'was ' : 'is now '}</span>;
  if (!isSomething(value)) return <span>{word}<span class="nothing">nothing</span></span>;
  const text = plainText(value);
  return kind === 'from' ? <del>{word}{text}</del> : <ins>{word}{text}</ins>;
}
