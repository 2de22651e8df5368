// Every page: its path, its code, its place in the navigation. Code is loaded when a page is first opened.
import type { ComponentType } from 'preact';
import type { IconName } from '../ui/icon.tsx';

export interface PageProps {
  /** What stands in the path for `:name`. */
  readonly at: Readonly<Record<string, string>>;
}
export type PageModule = { default: ComponentType<PageProps> };

export interface PageEntry {
  /** `t/:entity/:id` */
  readonly pattern: string;
  readonly load: () => Promise<PageModule>;
  /** In the navigation; pages without one are reached from others. */
  readonly nav?: { readonly label: string; readonly icon: IconName; readonly key: string };
}

export const pages: readonly PageEntry[] = [
  { pattern: '', load: () => import('../pages/overview/index.tsx'), nav: { label: 'Overview', icon: 'overview', key: 'h' } },
  { pattern: 't', load: () => import('../pages/tables/index.tsx') },
  { pattern: 't/:entity', load: () => import('../pages/tables/index.tsx') },
  { pattern: 't/:entity/:id', load: () => import('../pages/record/index.tsx') },
  { pattern: 'import', load: () => import('../pages/import/index.tsx'), nav: { label: 'Import', icon: 'import', key: 'i' } },
  { pattern: 'stream', load: () => import('../pages/stream/index.tsx'), nav: { label: 'Stream', icon: 'stream', key: 's' } },
  { pattern: 'audit', load: () => import('../pages/audit/index.tsx'), nav: { label: 'Audit', icon: 'audit', key: 'a' } },
  { pattern: 'outbox', load: () => import('../pages/outbox/index.tsx'), nav: { label: 'Outbox', icon: 'outbox', key: 'o' } },
  { pattern: 'settings', load: () => import('../pages/settings/index.tsx'), nav: { label: 'Settings', icon: 'settings', key: ',' } },
];

/** The page at a path, and what its `:names` stand for. */
export function pageAt(path: readonly string[]): { page: PageEntry; at: Record<string, string> } | null {
  for (const page of pages) {
    const parts = page.pattern === '' ? [] : page.pattern.split('/');
    if (parts.length !== path.length) continue;
    const at: Record<string, string> = {};
    const fits = parts.every((part, index) => {
      if (!part.startsWith(':')) return part === path[index];
      at[part.slice(1)] = path[index]!;
      return true;
    });
    if (fits) return { page, at };
  }
  return null;
}
