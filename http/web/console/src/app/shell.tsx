// The frame around every page: navigation, how things stand, messages, and the page that the URL names.
import { computed, effect, signal, useComputed } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { faultsInWords } from '../../../client/src/faults.ts';
import { definitions } from '../data/definitions.ts';
import { sentenceOf } from '../data/api.ts';
import { Button } from '../ui/button.tsx';
import { Confirmations } from '../ui/confirm.tsx';
import { Icon } from '../ui/icon.tsx';
import { Notice } from '../ui/notice.tsx';
import { PageHead } from '../ui/page.tsx';
import { announcement } from './announcer.ts';
import { Help, helpIsOpen } from './help.tsx';
import { useKeys, type KeyMap } from './keyboard.ts';
import { Navigation } from './navigation.tsx';
import { pageAt, pages, type PageEntry, type PageProps } from './pages.ts';
import { go, href, place } from './router.ts';
import { person, signInPlace } from './session.ts';
import { StatusBadge } from './status_badge.tsx';
import { isReady, startProblem, status, sync } from './sync.ts';
import { ToastList } from './toast_list.tsx';
import { runNewest } from './toasts.ts';

const drawerIsOpen = signal(false);

function globalKeys(): KeyMap {
  const keys: Record<string, KeyMap[string]> = {
    '?': { label: 'This list', run: () => (helpIsOpen.value = true) },
    z: { label: 'Undo, or whatever the last message offers', run: runNewest },
    'g t': { label: 'Go to Tables', run: () => go(href(['t'])) },
  };
  for (const { pattern, nav } of pages) {
    if (nav) keys[`g ${nav.key}`] = { label: `Go to ${nav.label}`, run: () => go(href(pattern === '' ? [] : [pattern])) };
  }
  return keys;
}

export function Shell() {
  useKeys('Everywhere', globalKeys());
  useEffect(() => place.subscribe(() => (drawerIsOpen.value = false)), []);
  useEffect(() => {
    // The page's code comes while definitions and storage are looked for.
    pageAt(place.value.path)?.page.load().catch(() => {});
  }, []);
  return (
    <div class="shell">
      <a class="skip-link" href="#main" onClick={skip}>Skip to the page</a>
      <header class="topbar">
        <Button kind="quiet" icon="menu" label="Navigation" isIconOnly onClick={() => (drawerIsOpen.value = true)} />
        <a class="brand" href={href([])}>synclog</a>
        <StatusBadge isShort />
      </header>
      <Navigation drawerIsOpen={drawerIsOpen} />
      <main id="main" tabIndex={-1}>
        <Warnings />
        <CurrentPage />
      </main>
      <ToastList />
      <Help />
      <Confirmations />
      <div class="visually-hidden" role="status" aria-live="polite">{announcement}</div>
    </div>
  );
}

// The hash is the router's, so the link cannot do it.
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

// What is worth more than the badge in the corner: unsent changes are at risk, or wait for somebody.
function Warnings() {
  const now = status.value;
  if (!now) return null;
  return (
    <>
      {now.signedOut && person.value !== null && (
        <Notice kind="warning" action={<a class="button" href={href(signInPlace)}>Sign in</a>}>
          You are signed out. What you change is kept here and sent after the next sign-in.
        </Notice>
      )}
      {now.faults && (
        <Notice kind="warning" action={<Button label="Switch off" onClick={() => sync.setFaults({})} />}>
          Faults are switched on in this browser: {faultsInWords(now.faults)}.
        </Notice>
      )}
      {now.storage !== 'durable' && now.storage !== 'opening' && <Notice kind="warning">{now.warnings[0]}</Notice>}
    </>
  );
}

// What waits to be sent, a file of one's own, and the way in.
const withoutRecords = new Set(['outbox', 'import', 'settings']);

function CurrentPage() {
  const found = useComputed(() => pageAt(place.value.path));
  if (startProblem.value !== null && !isReady.value) {
    return <Notice kind="error">{sentenceOf(startProblem.value)} This page goes on by itself when it can.</Notice>;
  }
  if (!isReady.value || definitions().length === 0) return <Loading />;
  if (!found.value) {
    return <Notice kind="error" action={<a class="button" href={href([])}>Overview</a>}>There is no page at this address.</Notice>;
  }
  const { page, at } = found.value;
  // Nobody has signed in here yet: no page has anything to show.
  if (mustSignIn.value && !openToAll.has(page.pattern)) return <SignInPrompt />;
  // Signed out, records are not shown. What somebody is writing stays: a form that is open can be sent or closed.
  const isHidden = status.value?.signedOut === true && !withoutRecords.has(page.pattern);
  return (
    <>
      {isHidden && <p class="muted">The page is here again when you have signed in.</p>}
      <div class={isHidden ? 'page page-hidden' : 'page'}><LoadedPage key={page.pattern + JSON.stringify(at)} page={page} at={at} /></div>
    </>
  );
}

const openToAll = new Set(['outbox', signInPlace[0] as string]); // what waits in this browser can be seen and exported
const mustSignIn = computed(() => status.value?.signedOut === true && person.value === null);
const askedFor = signal<string | null>(null);

function SignInPrompt() {
  return (
    <>
      <PageHead title="Sign in" lead="This server asks who you are." />
      <p><a class="button button-primary" href={href(signInPlace)} onClick={() => (askedFor.value = location.hash)}>Sign in with a token</a></p>
    </>
  );
}

// Whoever has signed in comes to the page that was asked for.
effect(() => {
  const to = askedFor.value;
  if (to === null || person.value === null) return;
  askedFor.value = null;
  go(to);
});

const codes = new Map<PageEntry['load'], ComponentType<PageProps>>();

function LoadedPage({ page, at }: { page: PageEntry; at: PageProps['at'] }) {
  const [, setLoaded] = useState(0);
  const [problem, setProblem] = useState<unknown>(null);
  const isGone = useRef(false);
  const Page = codes.get(page.load);
  const load = () => {
    setProblem(null);
    page.load().then(
      (code) => {
        codes.set(page.load, code.default);
        if (!isGone.current) setLoaded((count) => count + 1);
      },
      (error: unknown) => !isGone.current && setProblem(error),
    );
  };
  useEffect(() => {
    if (!Page) load();
    return () => void (isGone.current = true);
  }, []);
  if (Page) return <Page at={at} />;
  if (problem !== null) {
    return (
      <Notice kind="error" action={<Button label="Try again" onClick={load} />}>
        This page could not be loaded: the backend is away, or has a new version.
      </Notice>
    );
  }
  return <Loading />;
}

function Loading() {
  return <p class="loading" role="status"><Icon name="busy" /> Loading</p>;
}
