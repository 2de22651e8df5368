// Why it does not go on at the moment.
import { href } from '../../app/router.ts';
import { signInPlace } from '../../app/session.ts';
import { Button } from '../../ui/button.tsx';
import { Notice } from '../../ui/notice.tsx';
import type { Phase } from './job.ts';
import { hurry } from './state.ts';

export function PhaseNotice({ phase }: { phase: Phase }) {
  if (phase.name === 'waiting') {
    return (
      <Notice kind="warning" action={<Button label="Try now" onClick={hurry} />}>
        {phase.reason} It goes on by itself when it can, and saves nothing twice.
      </Notice>
    );
  }
  if (phase.name === 'signed out') {
    return (
      <Notice kind="warning" action={<><a class="button" href={href(signInPlace)}>Sign in</a><Button label="Go on" onClick={hurry} /></>}>
        The server asks to sign in. The import waits for it.
      </Notice>
    );
  }
  if (phase.name === 'failed') return <Notice kind="error">{phase.reason}</Notice>;
  return null;
}
