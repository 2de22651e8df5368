import { PageHead } from '../../ui/page.tsx';

export default function Import() {
  return <PageHead title="Import" />;
}
