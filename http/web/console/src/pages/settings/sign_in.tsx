// Who one is here, and the way in and out.
import { useEffect, useState } from 'preact/hooks';
import { person } from '../../app/session.ts';
import { status } from '../../app/sync.ts';
import { toast, toastProblem } from '../../app/toasts.ts';
import { RefusedError, sentenceOf } from '../../data/api.ts';
import { Button } from '../../ui/button.tsx';
import { confirm } from '../../ui/confirm.tsx';
import { Field } from '../../ui/field.tsx';
import { countText, momentText } from '../../ui/text.ts';
import { askWho, signIn, signOut, type Whoever } from './access.ts';

/** null: this server knows no sign-in. */
type Known = Whoever | null | 'asking' | 'nobody' | 'away';

export function SignIn() {
  const [who, setWho] = useState<Known>('asking');
  const { signedOut: isSignedOut, connection } = status.value!;
  useEffect(() => {
    askWho().then(setWho, (error: unknown) => setWho(error instanceof RefusedError ? 'nobody' : 'away'));
  }, [isSignedOut, person.value, connection]);
  return (
    <section class="card">
      <h2>Sign-in</h2>
      {content(who, isSignedOut)}
    </section>
  );
}

function content(who: Known, isSignedOut: boolean) {
  if (isSignedOut || who === 'nobody') return <SignInForm />;
  if (who === 'asking') return <p class="muted">Asking the server who you are.</p>;
  if (who === 'away') return <p>The server cannot be reached. {person.value ? `You were ${person.value.actor} here.` : 'Sign in when it is back.'}</p>;
  if (who === null || who.auth === 'none') {
    return <p>This server asks nobody to sign in: everybody is <strong>{who?.actor ?? 'anonymous'}</strong>, and it listens on this machine only.</p>;
  }
  return <SignedIn who={who} />;
}

function SignedIn({ who }: { who: Whoever }) {
  const leave = async () => {
    const { unsent } = status.value!;
    const text = `${countText(unsent, 'change')} of yours ${unsent === 1 ? 'is' : 'are'} not sent. ${unsent === 1 ? 'It waits' : 'They wait'} in this browser until ${who.actor} signs in here again.`;
    if (unsent > 0 && !(await confirm({ title: 'Sign out?', text, action: 'Sign out', kind: 'primary' }))) return;
    await signOut().catch((error: unknown) => toastProblem('Not signed out', error));
  };
  return (
    <>
      <dl class="facts">
        <div><dt>Name</dt><dd>{who.actor}</dd></div>
        <div><dt>Role</dt><dd>{who.role}</dd></div>
        <div><dt>Branches</dt><dd>{who.all_branches ? 'all' : who.branches.join(', ')}</dd></div>
        <div><dt>Until</dt><dd>{who.expires_at ? momentText(who.expires_at) : 'it is revoked'}</dd></div>
        <div><dt>Kept</dt><dd>{who.session ? 'in this browser' : 'by this page only'}</dd></div>
      </dl>
      <div class="row"><Button label="Sign out" onClick={() => void leave()} /></div>
    </>
  );
}

function SignInForm() {
  const [text, setText] = useState('');
  const [forHow, setForHow] = useState<'browser' | 'page'>('browser');
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const { unsent } = status.value!;
  const enter = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const who = await signIn(text.trim(), forHow);
      toast(`Signed in as ${who.actor}.`);
    } catch (error) {
      const isUnknown = error instanceof RefusedError && error.problem.status === 401;
      setProblem(isUnknown ? 'is not known: it may have expired or been revoked' : sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="stack" onSubmit={(event) => void enter(event)}>
      {unsent > 0 && <p>{countText(unsent, 'change')} wait{unsent === 1 ? 's' : ''} here for {person.value?.actor ?? 'you'} to sign in again.</p>}
      <Field label="Token" error={problem} hint="As your administrator gave it to you.">
        {(ids) => (
          <input {...ids} type="password" autocomplete="current-password" spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        )}
      </Field>
      <fieldset class="choices">
        <legend class="visually-hidden">How long</legend>
        <label class="check"><input type="radio" name="how" checked={forHow === 'browser'} onChange={() => setForHow('browser')} /> Stay signed in, in this browser</label>
        <label class="check"><input type="radio" name="how" checked={forHow === 'page'} onChange={() => setForHow('page')} /> Only as long as this page is open</label>
      </fieldset>
      <div class="row"><Button label="Sign in" kind="primary" type="submit" isBusy={isBusy} disabled={text.trim() === ''} /></div>
    </form>
  );
}
