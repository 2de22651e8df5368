import { PageHead } from '../../ui/page.tsx';

export default function Settings() {
  return <PageHead title="Settings" />;
}
