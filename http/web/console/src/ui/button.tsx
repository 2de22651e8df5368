// What is pressed. One primary button a page at most.
import type { Ref } from 'preact';
import { Icon, type IconName } from './icon.tsx';

export interface ButtonProps {
  label: string;
  kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  icon?: IconName;
  /** The label is only read out and shown as a hint. */
  isIconOnly?: boolean;
  /** Shown behind the label, in small. */
  hint?: string;
  type?: 'button' | 'submit';
  disabled?: boolean;
  /** Something is under way: it cannot be pressed again. */
  isBusy?: boolean;
  isPressed?: boolean;
  /** It opens a menu or a dialog. */
  opens?: 'menu' | 'dialog';
  isExpanded?: boolean;
  onClick?: (event: MouseEvent) => void;
  buttonRef?: Ref<HTMLButtonElement>;
}

export function Button(props: ButtonProps) {
  const { label, kind = 'plain', icon, isIconOnly = false, hint, type = 'button', disabled = false, isBusy = false } = props;
  return (
    <button
      ref={props.buttonRef ?? null}
      type={type}
      class={`button button-${kind}${isIconOnly ? ' button-icon' : ''}`}
      disabled={disabled}
      aria-disabled={isBusy || undefined}
      aria-busy={isBusy || undefined}
      aria-pressed={props.isPressed}
      aria-haspopup={props.opens}
      aria-expanded={props.isExpanded}
      aria-label={isIconOnly ? label : undefined}
      title={isIconOnly ? label : undefined}
      onClick={(event) => !isBusy && props.onClick?.(event)}
    >
      {isBusy ? <Icon name="busy" /> : icon && <Icon name={icon} />}
      {!isIconOnly && <span>{label}</span>}
      {hint && <span class="button-hint">{hint}</span>}
    </button>
  );
}
