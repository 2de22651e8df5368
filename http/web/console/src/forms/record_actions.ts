// What is done to a whole record, from the table and from its own page: each can be taken back.
import type { Row } from '../../../client/src/entity.ts';
import { sync } from '../app/sync.ts';
import { toast } from '../app/toasts.ts';
import { api, pathOf, sentenceOf, UnreachableError } from '../data/api.ts';
import { bookkeepingFields, type EntityDefinition } from '../data/definitions.ts';

/** Makes a record what it was at a version, as a new event. `standing`: the version that must still stand; 0: none. */
export function restore(entity: string, id: string, version: number, standing?: number): Promise<Row> {
  const body = standing === undefined ? { version } : { version, expected_version: standing };
  return api<Row>(`${pathOf('api', entity, id)}/revert`, { method: 'POST', body });
}

/** Deletes a record at once, and offers to bring it back. Answers whether it did. */
export async function removeWithUndo(definition: EntityDefinition, record: Row): Promise<boolean> {
  const id = String(record['id']);
  const { name } = definition;
  try {
    const { warning } = await sync.collection(name).remove(id, { refused: 'throw' });
    toast(warning ? `${id} is deleted here. ${warning}` : `${id} deleted`, {
      action: { label: 'Undo', run: () => undo(name, record) },
    });
    return true;
  } catch (error) {
    toast(`${id} was not deleted: ${sentenceOf(error)}`, { kind: 'error' });
    return false;
  }
}

async function undo(entity: string, record: Row): Promise<void> {
  const id = String(record['id']);
  try {
    const isSent = !sync.collection(entity).isUnsent(id);
    if (isSent && typeof record['version'] === 'number') await restore(entity, id, record['version']);
    else await saveAgain(entity, record);
    toast(`${id} is back`);
  } catch (error) {
    if (!(error instanceof UnreachableError)) return void toast(`${id} was not brought back: ${sentenceOf(error)}`, { kind: 'error' });
    await saveAgain(entity, record);
    toast(`${id} is back here, and is sent later`);
  }
}

// Without a backend it waits in the outbox behind the deletion.
async function saveAgain(entity: string, record: Row): Promise<void> {
  const own = new Set(bookkeepingFields.map(({ name }) => name));
  const fields = Object.fromEntries(Object.entries(record).filter(([name, value]) => !own.has(name) && value !== null));
  await sync.collection(entity).save({ id: record['id'], ...fields });
}
