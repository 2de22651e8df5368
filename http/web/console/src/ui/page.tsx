// The head of a page: its name, one line about it, what can be done. Names the browser's tab, and takes the focus when the
// page is opened by a link, so that a screen reader begins here.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface PageHeadProps {
  title: string;
  /** One line below, or a path above. */
  lead?: ComponentChildren;
  crumbs?: ComponentChildren;
  actions?: ComponentChildren;
}

let isFirstPage = true;

export function PageHead({ title, lead, crumbs, actions }: PageHeadProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · synclog`;
  }, [title]);
  useEffect(() => {
    if (!isFirstPage) heading.current?.focus({ preventScroll: true });
    isFirstPage = false;
  }, []);
  return (
    <div class="page-head">
      <div class="page-title">
        {crumbs && <div class="crumbs">{crumbs}</div>}
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        {lead && <p class="lead">{lead}</p>}
      </div>
      {actions && <div class="page-actions">{actions}</div>}
    </div>
  );
}
