// /docs: the API as this server has it, to read and to try.
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import '../app/theme.ts';
import { ToastList } from '../app/toast_list.tsx';
import { api, baseUrl, sentenceOf } from '../data/api.ts';
import { Empty } from '../ui/empty.tsx';
import { Field } from '../ui/field.tsx';
import { Notice } from '../ui/notice.tsx';
import { readReference, type Group, type OpenApi, type Reference } from './document.ts';
import { OperationView } from './operation.tsx';
import { token } from './token.ts';
import { Prose } from './prose.tsx';

function Docs() {
  const [reference, setReference] = useState<Reference | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  useEffect(() => {
    api<OpenApi>('/openapi.json').then((document) => setReference(readReference(document)), setProblem);
  }, []);
  if (problem !== null) return <main class="docs-main"><h1>The API</h1><Notice kind="error">{sentenceOf(problem)}</Notice></main>;
  if (!reference) return <main class="docs-main" aria-busy="true"><h1 class="visually-hidden">The API</h1></main>;
  return <Loaded reference={reference} />;
}

function Loaded({ reference }: { reference: Reference }) {
  const [search, setSearch] = useState('');
  const groups = useMemo(() => matching(reference.groups, search), [reference, search]);
  useEffect(() => {
    const showAll = () => setSearch(''); // a link may lead to what a search has left out
    addEventListener('hashchange', showAll);
    return () => removeEventListener('hashchange', showAll);
  }, []);
  return (
    <div class="docs">
      <div class="docs-side">
        <a class="brand" href={baseUrl}>synclog</a>
        <Field label="Find an operation">
          {(ids) => <input {...ids} type="search" value={search} placeholder="clients, revert, /api/events" onInput={(event) => setSearch(event.currentTarget.value)} />}
        </Field>
        <Field label="Token" hint="Only where the server asks for one. It is gone when this page is closed.">
          {(ids) => <input {...ids} type="password" autocomplete="off" value={token.value} onInput={(event) => (token.value = event.currentTarget.value.trim())} />}
        </Field>
        <nav aria-label="Groups">
          <ul>
            {groups.map(({ name, operations }) => (
              <li key={name}><a href={`#group-${name}`} onClick={(event) => show(event, name)}><span class="nav-label">{name}</span><span class="muted">{operations.length}</span></a></li>
            ))}
          </ul>
        </nav>
        <p class="muted"><a href={new URL('openapi.json', baseUrl).href}>openapi.json</a> · <a href={new URL('asyncapi.json', baseUrl).href}>asyncapi.json</a></p>
      </div>
      <main class="docs-main">
        <h1>{reference.title}</h1>
        <p class="muted">Version {reference.version}</p>
        {reference.description && <p class="docs-lead"><Prose text={reference.description} /></p>}
        {groups.length === 0 && <Empty>No operation matches.</Empty>}
        {groups.map(({ name, description, operations }) => (
          <section key={name} id={`group-${name}`} aria-labelledby={`title-${name}`} class="docs-group">
            <h2 id={`title-${name}`} tabIndex={-1}>{name}</h2>
            {description && <p class="muted"><Prose text={description} /></p>}
            {operations.map((operation) => <OperationView key={operation.id} operation={operation} reference={reference} />)}
          </section>
        ))}
      </main>
      <ToastList />
    </div>
  );
}

// The hash belongs to the operation that is open.
function show(event: Event, group: string): void {
  event.preventDefault();
  const title = document.getElementById(`title-${group}`);
  title?.scrollIntoView({ block: 'start' });
  title?.focus({ preventScroll: true });
}

function matching(groups: readonly Group[], search: string): readonly Group[] {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return groups;
  return groups
    .map((group) => ({
      ...group,
      operations: group.operations.filter(({ id, method, path, summary, tag }) => {
        const text = `${id} ${method} ${path} ${summary} ${tag}`.toLowerCase();
        return words.every((word) => text.includes(word));
      }),
    }))
    .filter(({ operations }) => operations.length > 0);
}

render(<Docs />, document.getElementById('app')!);
