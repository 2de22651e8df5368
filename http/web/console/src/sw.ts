// The service worker: serves the console's own files when the backend is away. It knows no data: whatever is below /api
// goes past it, and what people see of records without a backend comes from the client library's cache.
//
// Files whose name holds their content come from the cache. Pages come from the backend, so that nobody works with an old
// one, and from the cache when it does not answer soon. A new build is a new worker with a cache of its own; it waits until
// a page tells it to take over (app/worker.ts), so that no page finds itself between two builds.
export {};

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface WorkerScope {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}

/** Every file of this build, from dist/, and what it is told from others by. Put in by scripts/bundle.mjs. */
declare const SYNCLOG_FILES: readonly string[];
declare const SYNCLOG_BUILD: string;

const worker = self as unknown as WorkerScope;
const scope = worker.registration.scope; // ends with a slash
const prefix = `synclog-console ${scope} `; // several consoles may stand below one origin
const name = prefix + SYNCLOG_BUILD;
const patienceMs = 3_000;
const awayStatuses = new Set([502, 503, 504]);

// As the server names them: index.html is the folder itself, other pages have no ending.
const placeOf = (file: string): string => (file === 'index.html' ? '' : file.replace(/\.html$/, ''));
const pages = new Set(SYNCLOG_FILES.filter((file) => file.endsWith('.html')).map(placeOf));
const places = new Set(SYNCLOG_FILES.map(placeOf));

worker.addEventListener('install', (event) => event.waitUntil(keepFiles()));
worker.addEventListener('activate', (event) => event.waitUntil(takeOver()));

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const here = url.origin + url.pathname;
  if (request.method !== 'GET' || !here.startsWith(scope)) return;
  const place = here.slice(scope.length);
  if (pages.has(place)) event.respondWith(pageOf(request, place));
  else if (places.has(place)) event.respondWith(fileOf(request, place));
  else if (place.startsWith('assets/')) event.respondWith(olderFileOf(request));
});

worker.addEventListener('message', ({ data, ports }: MessageEvent<{ ask?: string; file?: string }>) => {
  if (data?.ask === 'has file') ports[0]?.postMessage(places.has(data.file ?? ''));
  if (data?.ask === 'take over') void worker.skipWaiting();
});

async function keepFiles(): Promise<void> {
  const cache = await caches.open(name);
  await Promise.all(
    [...places].map(async (place) => {
      const answer = await fetch(scope + place, { cache: 'no-cache' });
      if (!answer.ok) throw new Error(`${place}: status ${answer.status}`);
      await cache.put(scope + place, answer);
    }),
  );
}

// The build before this one stays: pages of it may still be open, and load a part of theirs.
async function takeOver(): Promise<void> {
  const older = (await caches.keys()).filter((each) => each.startsWith(prefix) && each !== name);
  await Promise.all(older.slice(0, -1).map((each) => caches.delete(each)));
  await worker.clients.claim();
}

// The headers that an answer varies by do not change what these files are.
const cached = async (place: string): Promise<Response | undefined> =>
  (await caches.open(name)).match(scope + place, { ignoreVary: true });

async function fileOf(request: Request, place: string): Promise<Response> {
  return (await cached(place)) ?? fetch(request);
}

async function olderFileOf(request: Request): Promise<Response> {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

async function pageOf(request: Request, place: string): Promise<Response> {
  const asked = fetch(request);
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), patienceMs));
  const answer = await Promise.race([asked.catch(() => null), late]);
  if (answer && !awayStatuses.has(answer.status)) return answer;
  return (await cached(place)) ?? asked;
}
