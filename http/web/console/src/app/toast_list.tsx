// Shows the messages of toasts.ts.
import { Button } from '../ui/button.tsx';
import { dismiss, holdToasts, releaseToasts, toasts } from './toasts.ts';

export function ToastList() {
  return (
    <section class="toasts" aria-label="Messages" onPointerEnter={holdToasts} onPointerLeave={releaseToasts} onFocusIn={holdToasts} onFocusOut={releaseToasts}>
      {toasts.value.map(({ id, text, kind, action }) => (
        <div key={id} class={`toast toast-${kind}`}>
          <span>{text}</span>
          {action && <Button label={action.label} onClick={() => { dismiss(id); void action.run(); }} />}
          <Button kind="quiet" icon="close" label="Close the message" isIconOnly onClick={() => dismiss(id)} />
        </div>
      ))}
    </section>
  );
}
