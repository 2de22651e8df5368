// One operation: a line that opens.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Badge } from '../ui/badge.tsx';
import type { Operation, Reference } from './document.ts';
import { SchemaView } from './schema_view.tsx';
import { TryIt } from './try_it.tsx';
import { Prose } from './prose.tsx';

const idInHash = () => decodeURIComponent(location.hash.slice(1));

export function OperationView({ operation, reference }: { operation: Operation; reference: Reference }) {
  const { id, method, path, summary } = operation;
  const [isOpen, setOpen] = useState(idInHash() === id);
  const article = useRef<HTMLElement>(null);
  useEffect(() => {
    const look = () => {
      if (idInHash() !== id) return;
      setOpen(true);
      article.current?.scrollIntoView({ block: 'start' });
    };
    look();
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, [id]);
  const toggle = () => {
    setOpen(!isOpen);
    if (!isOpen) history.replaceState(null, '', `#${id}`);
  };
  return (
    <article class="operation" ref={article}>
      <h3>
        <button type="button" class="operation-head" aria-expanded={isOpen} onClick={toggle}>
          <span class={`method method-${method.toLowerCase()}`}>{method}</span>
          <code class="operation-path">{path}</code>
          <span class="operation-summary">{summary}</span>
        </button>
      </h3>
      {isOpen && <Details operation={operation} reference={reference} />}
    </article>
  );
}

function Details({ operation, reference }: { operation: Operation; reference: Reference }) {
  const bodySchema = Object.values(operation.body ?? {})[0]?.schema;
  return (
    <div class="operation-body">
      {operation.description && <p><Prose text={operation.description} /></p>}
      <TryIt operation={operation} reference={reference} />
      {bodySchema && (
        <section>
          <h4>Body</h4>
          <SchemaView schema={bodySchema} reference={reference} />
        </section>
      )}
      <section>
        <h4>Answers</h4>
        <ul class="answers">
          {operation.answers.map(({ status, description, content }) => (
            <li key={status}>
              <div class="row">
                <Badge kind={status < '300' ? 'good' : status < '400' ? 'plain' : 'error'}>{status}</Badge>
                <span><Prose text={description} /></span>
                <span class="muted">{Object.keys(content ?? {}).join(', ')}</span>
              </div>
              {status < '300' && content?.['application/json']?.schema && <SchemaView schema={content['application/json'].schema} reference={reference} />}
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}
