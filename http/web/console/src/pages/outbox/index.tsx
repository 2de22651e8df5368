import { PageHead } from '../../ui/page.tsx';

export default function Outbox() {
  return <PageHead title="Outbox" />;
}
