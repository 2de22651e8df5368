// Where the import stands. It lives outside of the page: people go and look at other pages while it runs.
import { computed, signal } from '@preact/signals';
import { person } from '../../app/session.ts';
import { beforeRestart, sync } from '../../app/sync.ts';
import { remember, remembered } from '../../app/remembered.ts';
import { toast } from '../../app/toasts.ts';
import { announce } from '../../app/announcer.ts';
import { place } from '../../app/router.ts';
import type { Encoding } from '../../csv/encoding.ts';
import { openCsv, sentColumns, type CsvFile } from '../../csv/file.ts';
import { wrongKind } from '../../csv/kind.ts';
import { definitionOf, definitions } from '../../data/definitions.ts';
import { countText } from '../../ui/text.ts';
import { ImportJob, noCounts, otherActor, type Counts, type Progress } from './job.ts';
import { mappingOf, type ImportEntity } from './mapping.ts';
import { keepUnfinished, unfinishedOf, type Unfinished } from './resume.ts';
import { uuid7 } from '../../../../client/src/ids.ts';

export type Step = 'file' | 'columns' | 'check' | 'save';

export const step = signal<Step>('file');
/** What is wrong with the file that was chosen. */
export const problem = signal<string | null>(null);
/** The file is being read: how far; null: it is not. */
export const reading = signal<number | null>(null);
export const csv = signal<CsvFile | null>(null);
export const entity = signal('');
/** Column → field, as a person chose it. */
export const chosen = signal<ReadonlyMap<string, string>>(new Map());
export const trial = signal<Progress | null>(null);
export const saving = signal<Progress | null>(null);
export const unfinished = signal<Unfinished | null>(null);

/** An import of this browser, newest first: to be undone later. */
export interface PastImport {
  run: string;
  file: string;
  entity: string;
  atMs: number;
  counts: Counts;
  undone?: boolean;
}
const maxPast = 10;
export const past = signal<readonly PastImport[]>((remembered('imports') as PastImport[] | null) ?? []);

export function notePast(changed: PastImport): void {
  past.value = [changed, ...past.value.filter(({ run }) => run !== changed.run)].slice(0, maxPast);
  remember('imports', past.value);
}

export const importEntity = computed<ImportEntity | null>(() => {
  const definition = definitionOf(entity.value);
  if (!definition) return null;
  const made: ImportEntity = {
    name: definition.name,
    title: definition.title,
    fields: definition.fields.map(({ name, title, kind, required }) => ({ name, title, type: kind, required })),
    aliases: definition.aliases,
  };
  if (definition.rest) made.rest = definition.rest;
  if (definition.csv) made.csv = definition.csv;
  if (definition.key) made.key = definition.key;
  return made;
});

export const mapping = computed(() =>
  csv.value && importEntity.value ? mappingOf(importEntity.value, sentColumns(csv.value), chosen.value) : null,
);

const actorNow = () => person.value?.actor ?? null;
/** Why what was broken off is not for whoever is here now; null: it is. */
export const notMine = computed(() => (unfinished.value && unfinished.value.actor !== actorNow() ? otherActor(unfinished.value.actor, actorNow()) : null));

let job: ImportJob | null = null;
// Somebody else is signed in, or is about to be.
beforeRestart.add(() => job?.end('Somebody else has signed in here, so the import was stopped. It goes on when whoever began it takes the file up again.'));
let run = '';
let giveUpReading = new AbortController();

const storage = () => {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
};

/** Takes a file that somebody chose or dropped. `encoding`: in place of what is found. */
export async function takeFile(file: File, encoding?: Encoding): Promise<void> {
  giveUpReading.abort();
  const { signal } = (giveUpReading = new AbortController());
  problem.value = null;
  reading.value = 0;
  try {
    const wrong = await wrongKind(file);
    if (wrong) throw new Error(wrong);
    const opened = await openCsv(file, { signal, progress: (share) => (reading.value = share), ...(encoding ? { encoding } : {}) });
    if (opened.records === 0) throw new Error('The file has column names and no rows.');
    csv.value = opened;
    chosen.value = new Map();
    trial.value = null;
    saving.value = null;
    unfinished.value = unfinishedOf(storage(), file);
    if (unfinished.value && definitionOf(unfinished.value.entity)) entity.value = unfinished.value.entity;
    else guessEntity(opened);
    step.value = 'columns';
    announce(`${file.name}: ${countText(opened.records, 'row')}`);
  } catch (error) {
    if (signal.aborted) return;
    const { name, message } = error as Error;
    problem.value = name === 'NotReadableError' || name === 'NotFoundError' ? 'The file cannot be read: it is gone, or the browser may not open it.' : message;
    announce(problem.value);
  } finally {
    if (!signal.aborted) reading.value = null;
  }
}

// The table whose own columns the file has, unless somebody chose one.
function guessEntity(opened: CsvFile): void {
  const names = sentColumns(opened).map((name) => name.toLowerCase());
  const byFile = definitions().find(({ csv: known }) => known && names.includes(known.key.toLowerCase()));
  if (byFile) entity.value = byFile.name;
  if (definitionOf(entity.value)) return;
  const fits = (name: string) => {
    const definition = definitionOf(name)!;
    const known = new Set([...definition.fields.map((field) => field.name), ...Object.keys(definition.aliases)].map((one) => one.toLowerCase()));
    return names.filter((one) => known.has(one)).length;
  };
  entity.value = definitions().map(({ name }) => name).sort((left, right) => fits(right) - fits(left))[0] ?? '';
}

export function chooseColumn(name: string, target: string): void {
  const changed = new Map(chosen.value);
  if (target === '') changed.delete(name);
  else {
    for (const [other, taken] of changed) if (taken === target) changed.delete(other);
    changed.set(name, target);
  }
  chosen.value = changed;
  trial.value = null;
}

export async function check(): Promise<void> {
  step.value = 'check';
  run = `import-${uuid7()}`;
  const made = begin('try', (progress) => (trial.value = progress));
  const ended = await made.run();
  if (job === made && ended.phase.name === 'done') announce(`Checked: ${countText(ended.counts.rejected, 'row')} of ${ended.counts.rows} would be rejected.`);
}

/** `goOn`: where an import of this file was broken off. */
export async function save(goOn: Unfinished | null = null): Promise<void> {
  if (goOn && goOn.actor !== actorNow()) return; // the page says so
  step.value = 'save';
  run = goOn?.run ?? `import-${uuid7()}`;
  const file = csv.value!.file;
  const overrides = goOn?.overrides ?? mapping.value!.overrides;
  const started = { run, actor: actorNow(), file: { name: file.name, size: file.size, modified: file.lastModified }, entity: entity.value, overrides };
  const made = begin(
    'save',
    (progress) => {
      const before = saving.value?.chunks ?? -1;
      saving.value = progress;
      if (progress.chunks === before) return;
      keepUnfinished(storage(), { ...started, chunks: progress.chunks, counts: progress.counts, line: progress.line, savedMs: Date.now() });
      if (progress.counts.rows > 0) notePast({ run, file: file.name, entity: entity.value, atMs: Date.now(), counts: progress.counts });
    },
    goOn,
  );
  addEventListener('beforeunload', askBeforeLeaving);
  const ended = await made.run();
  removeEventListener('beforeunload', askBeforeLeaving);
  if (ended.phase.name === 'done') keepUnfinished(storage(), null);
  unfinished.value = unfinishedOf(storage(), file);
  if (place.value.path[0] !== 'import') toast(ended.phase.name === 'done' ? `${file.name} is imported.` : `The import of ${file.name} has stopped.`);
  else announce(ended.phase.name === 'done' ? 'The import is done.' : 'The import has stopped.');
}

function begin(mode: 'try' | 'save', onProgress: (progress: Progress) => void, goOn: Unfinished | null = null): ImportJob {
  const mine = sync; // never that of whoever comes next
  const made: ImportJob = new ImportJob({
    csv: csv.value!,
    entity: entity.value,
    overrides: goOn?.overrides ?? mapping.value!.overrides,
    mode,
    run,
    send: (path, init) => mine.fetch(path, init),
    actor: actorNow(),
    actorNow,
    onProgress: (progress) => job === made && onProgress(progress),
    done: goOn ? { chunks: goOn.chunks, counts: goOn.counts } : undefined,
  });
  job = made;
  onProgress(made.progress);
  return made;
}

const askBeforeLeaving = (event: BeforeUnloadEvent) => event.preventDefault();

export const cancel = () => job?.cancel();
export const hurry = () => job?.hurry();
export const currentRun = () => run;

export function forgetUnfinished(): void {
  keepUnfinished(storage(), null);
  unfinished.value = null;
}

export function startOver(): void {
  job?.cancel();
  job = null;
  giveUpReading.abort();
  step.value = 'file';
  csv.value = null;
  reading.value = null;
  problem.value = null;
  trial.value = null;
  saving.value = null;
  unfinished.value = null;
  chosen.value = new Map();
}

export const isUnderWay = computed(() => ['running', 'waiting', 'signed out'].includes(saving.value?.phase.name ?? ''));
export const countsOf = (progress: Progress | null): Counts => progress?.counts ?? noCounts;
