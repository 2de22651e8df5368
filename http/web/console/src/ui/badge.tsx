// A small word or number beside something.
import type { ComponentChildren } from 'preact';

export type BadgeKind = 'plain' | 'good' | 'warning' | 'error' | 'accent';

export function Badge({ kind = 'plain', title, children }: { kind?: BadgeKind; title?: string; children: ComponentChildren }) {
  return <span class={`badge badge-${kind}`} title={title}>{children}</span>;
}
