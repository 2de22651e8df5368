// Who may come in: tokens, each shown once when it is made.
import { useState } from 'preact/hooks';
import { toast, toastProblem } from '../../app/toasts.ts';
import { api, pathOf } from '../../data/api.ts';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { confirm } from '../../ui/confirm.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { dayText } from '../../ui/text.ts';
import { tokensRoute, type Token } from './access.ts';
import { useAdminList } from './admin_list.ts';
import { NewToken } from './new_token.tsx';

export function Tokens() {
  const { items, problem, reload } = useAdminList<Token>(tokensRoute);
  const [isMaking, setMaking] = useState(false);
  const revoke = async (one: Token) => {
    const text = `Whoever uses ${one.name} is signed out everywhere within seconds. What they have not sent waits in their browser for a new token of the same name.`;
    if (!(await confirm({ title: `Revoke ${one.name}?`, text, action: 'Revoke' }))) return;
    try {
      await api(`${tokensRoute}${pathOf(one.id)}`, { method: 'DELETE' });
      toast(`${one.name} is revoked.`);
      reload();
    } catch (error) {
      toastProblem('', error);
    }
  };
  return (
    <section class="card">
      <div class="card-head">
        <h2>Tokens</h2>
        <Button label="New token" icon="add" opens="dialog" onClick={() => setMaking(true)} />
      </div>
      {problem && <Notice kind="error">{problem}</Notice>}
      {items?.length === 0 && <Empty>Nobody has a token yet.</Empty>}
      {items && items.length > 0 && (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Tokens">
          <table class="plain-table list-table settings-table">
            <thead><tr><th>Name</th><th>Role</th><th>Branches</th><th>Made</th><th>Expires</th><th>Last used</th><th><span class="visually-hidden">Revoke</span></th></tr></thead>
            <tbody>
              {items.map((one) => (
                <tr key={one.id} class={isOver(one) ? 'settings-over' : undefined}>
                  <th scope="row">{one.name}</th>
                  <td data-label="Role">{one.role}</td>
                  <td data-label="Branches">{one.branches.length === 0 ? 'all' : one.branches.join(', ')}</td>
                  <td data-label="Made"><span><Moment value={one.created_at} isShort /> <span class="muted">by {one.created_by}</span></span></td>
                  <td data-label="Expires">{one.expires_at ? <Moment value={one.expires_at} isShort /> : <span class="muted">never</span>}</td>
                  <td data-label="Last used">{one.last_used_on ? dayText(one.last_used_on) : <span class="muted">never</span>}</td>
                  <td class="number">{isOver(one) ? <Badge>{one.revoked_at ? 'revoked' : 'expired'}</Badge> : <Button label="Revoke" kind="danger" onClick={() => void revoke(one)} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {isMaking && <NewToken onClose={() => setMaking(false)} onMade={reload} />}
    </section>
  );
}

const isOver = ({ revoked_at, expires_at }: Token): boolean => revoked_at !== null || (expires_at !== null && Date.parse(expires_at) < Date.now());
