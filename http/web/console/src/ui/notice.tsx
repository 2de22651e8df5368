// Something that a person should know before going on, with at most one thing to do.
import type { ComponentChildren } from 'preact';
import { Icon } from './icon.tsx';

export interface NoticeProps {
  kind?: 'info' | 'warning' | 'error' | 'good';
  action?: ComponentChildren;
  children: ComponentChildren;
}

const icons = { info: 'info', warning: 'warning', error: 'warning', good: 'online' } as const;

export function Notice({ kind = 'info', action, children }: NoticeProps) {
  return (
    <div class={`notice notice-${kind}`} role={kind === 'error' ? 'alert' : undefined}>
      <Icon name={icons[kind]} />
      <div class="notice-text">{children}</div>
      {action}
    </div>
  );
}
