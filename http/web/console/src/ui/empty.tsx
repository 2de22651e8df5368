// Nothing here: one sentence, one action.
import type { ComponentChildren } from 'preact';

export function Empty({ children, action }: { children: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>{children}</p>
      {action}
    </div>
  );
}
