// Takes an import back, by the one request that all its parts carry.
import { useState } from 'preact/hooks';
import { person } from '../../app/session.ts';
import { hasRoute } from '../../data/definitions.ts';
import { Button } from '../../ui/button.tsx';
import { UndoDialog } from '../audit/undo_dialog.tsx';
import { notePast, type PastImport } from './state.ts';

export const canUndo = () => hasRoute('/api/admin/undo') && (person.value === null || person.value.role === 'admin');

export function UndoButton({ of, label = 'Undo' }: { of: PastImport; label?: string }) {
  const [isOpen, setOpen] = useState(false);
  if (!canUndo()) return null;
  const close = (hasChanged: boolean) => {
    setOpen(false);
    if (hasChanged) notePast({ ...of, undone: true });
  };
  return (
    <>
      <Button label={label} icon="restore" opens="dialog" onClick={() => setOpen(true)} />
      {isOpen && <UndoDialog search={{ request_id: of.run, resource: of.entity }} onClose={close} />}
    </>
  );
}
