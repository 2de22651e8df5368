// The way to every table, for those who come by `g t`.
import { href } from '../../app/router.ts';
import { definitions } from '../../data/definitions.ts';
import { Icon } from '../../ui/icon.tsx';
import { PageHead } from '../../ui/page.tsx';

export function AllTables() {
  return (
    <>
      <PageHead title="Tables" lead="Everything that is kept here, live." />
      <ul class="table-list">
        {definitions().map(({ name, title, description }) => (
          <li key={name}>
            <a class="card table-card" href={href(['t', name])}>
              <strong><Icon name="table" /> {title}</strong>
              <span class="muted">{description}</span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
