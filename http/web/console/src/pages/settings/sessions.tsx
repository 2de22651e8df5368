// Browsers that are signed in.
import { toast, toastProblem } from '../../app/toasts.ts';
import { api, pathOf } from '../../data/api.ts';
import { Button } from '../../ui/button.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { sessionsRoute, type Session } from './access.ts';
import { useAdminList } from './admin_list.ts';

export function Sessions() {
  const { items, problem, reload } = useAdminList<Session>(sessionsRoute);
  const end = async (one: Session) => {
    try {
      await api(`${sessionsRoute}${pathOf(one.id)}`, { method: 'DELETE' });
      toast(`A browser of ${one.name} is signed out.`);
      reload();
    } catch (error) {
      toastProblem('', error);
    }
  };
  return (
    <section class="card">
      <h2>Browsers that are signed in</h2>
      {problem && <Notice kind="error">{problem}</Notice>}
      {items?.length === 0 && <p class="muted">None.</p>}
      {items && items.length > 0 && (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Sessions">
          <table class="plain-table list-table settings-table">
            <thead><tr><th>Name</th><th>Browser</th><th>Since</th><th>Until</th><th><span class="visually-hidden">Sign out</span></th></tr></thead>
            <tbody>
              {items.map((one) => (
                <tr key={one.id}>
                  <th scope="row">{one.name}</th>
                  <td data-label="Browser">{one.user_agent || <span class="muted">not said</span>}</td>
                  <td data-label="Since"><Moment value={one.created_at} isShort /></td>
                  <td data-label="Until">{one.expires_at && <Moment value={one.expires_at} isShort />}</td>
                  <td class="number"><Button label="Sign out" onClick={() => void end(one)} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
