import { PageHead } from '../../ui/page.tsx';

export default function Audit() {
  return <PageHead title="Audit" />;
}
