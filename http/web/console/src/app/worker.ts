// The service worker's other half: registers it, and offers a new build when there is one. Nothing is loaded again unless
// somebody asks for it. Plain HTTP off loopback has no service workers: then the console needs its backend to open.
import { baseUrl } from '../data/api.ts';
import { toast } from './toasts.ts';

const answerMs = 2_000;
const takeOverMs = 4_000;
const lookMs = 30 * 60_000;

// The file that this code came in: its name holds its content, so the build that has it is ours.
const ownFile = import.meta.url.startsWith(baseUrl) ? import.meta.url.slice(baseUrl.length) : '';
let isOffered = false;
let isReloading = false;

export async function followWorker(): Promise<void> {
  if (!('serviceWorker' in navigator) || ownFile === '') return;
  const container = navigator.serviceWorker;
  let hadOne = container.controller !== null;
  container.addEventListener('controllerchange', () => {
    if (isReloading) location.reload();
    else if (hadOne && container.controller) void consider(container.controller);
    hadOne = true;
  });
  let registration: ServiceWorkerRegistration;
  try {
    registration = await container.register(new URL('sw.js', baseUrl), { updateViaCache: 'none' });
  } catch {
    return; // the browser allows none here, or the backend is away and there is one already
  }
  if (registration.waiting && container.controller) void consider(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const found = registration.installing;
    found?.addEventListener('statechange', () => {
      if (found.state === 'installed' && container.controller) void consider(found);
    });
  });
  const look = () => void registration.update().catch(() => {}); // the backend is away
  setInterval(look, lookMs);
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && look());
}

// A worker of this page's build may take over unseen; one of another is offered.
async function consider(worker: ServiceWorker): Promise<void> {
  if (await hasOwnFile(worker)) worker.postMessage({ ask: 'take over' });
  else offer();
}

function hasOwnFile(worker: ServiceWorker): Promise<boolean> {
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) => resolve(data === true);
    setTimeout(() => resolve(false), answerMs);
    worker.postMessage({ ask: 'has file', file: ownFile }, [channel.port2]);
  });
}

function offer(): void {
  if (isOffered) return;
  isOffered = true;
  toast('There is a new version of this console.', { keep: true, action: { label: 'Reload', run: reload } });
}

async function reload(): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration(baseUrl);
  if (!registration?.waiting) return location.reload();
  isReloading = true; // when it has taken over
  registration.waiting.postMessage({ ask: 'take over' });
  setTimeout(() => location.reload(), takeOverMs);
}
