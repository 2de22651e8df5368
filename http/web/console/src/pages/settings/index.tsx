// Who one is, how it looks, who else may come in, and faults to try the recovery with.
import { theme, type Theme } from '../../app/theme.ts';
import { Field } from '../../ui/field.tsx';
import { PageHead } from '../../ui/page.tsx';
import { Faults } from './faults.tsx';
import { Sessions } from './sessions.tsx';
import { SignIn } from './sign_in.tsx';
import { Tokens } from './tokens.tsx';
import { mayAdminister } from './access.ts';

export default function Settings() {
  return (
    <>
      <PageHead title="Settings" />
      <div class="two-columns settings-top">
        <SignIn />
        <Appearance />
      </div>
      {mayAdminister.value && <Tokens />}
      {mayAdminister.value && <Sessions />}
      <Faults />
    </>
  );
}

function Appearance() {
  return (
    <section class="card">
      <h2>Appearance</h2>
      <Field label="Colours" hint="Of this browser only.">
        {(ids) => (
          <select {...ids} value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
            <option value="auto">as the device has them</option>
            <option value="light">light</option>
            <option value="dark">dark</option>
          </select>
        )}
      </Field>
    </section>
  );
}
