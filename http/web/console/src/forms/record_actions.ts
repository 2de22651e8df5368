// What is done to a whole record, from the table and from its own page: each can be taken back.
import type { Row } from '../../../client/src/entity.ts';
import { sync } from '../app/sync.ts';
import { toast, toastProblem } from '../app/toasts.ts';
import { api, pathOf, UnreachableError } from '../data/api.ts';
import { bookkeepingFields, titleOf, type EntityDefinition } from '../data/definitions.ts';

/** Makes a record what it was at a version, as a new event. `standing`: the version that must still stand; 0: none. */
export function restore(entity: string, id: string, version: number, standing?: number): Promise<Row> {
  const body = standing === undefined ? { version } : { version, expected_version: standing };
  return api<Row>(`${pathOf('api', entity, id)}/revert`, { method: 'POST', body });
}

/** Deletes a record at once, and offers to bring it back. Answers whether it did. */
export async function removeWithUndo(definition: EntityDefinition, record: Row): Promise<boolean> {
  const id = String(record['id']);
  const { name } = definition;
  const title = titleOf(definition, record);
  try {
    const { warning } = await sync.collection(name).remove(id, { refused: 'throw' });
    toast(warning ? `${title} is deleted here. ${warning}` : `${title} deleted`, {
      whenBack: warning && `${title} deleted`,
      action: { label: 'Undo', run: () => undo(definition, record) },
    });
    return true;
  } catch (error) {
    toastProblem(`${title} was not deleted`, error);
    return false;
  }
}

async function undo(definition: EntityDefinition, record: Row): Promise<void> {
  const entity = definition.name;
  const title = titleOf(definition, record);
  const id = String(record['id']);
  try {
    const isSent = !sync.collection(entity).isUnsent(id);
    if (isSent && typeof record['version'] === 'number') await restore(entity, id, record['version']);
    else await saveAgain(entity, record);
    toast(`${title} is back`);
  } catch (error) {
    if (!(error instanceof UnreachableError)) return toastProblem(`${title} was not brought back`, error);
    await saveAgain(entity, record);
    toast(`${title} is back here, and is sent later`, { whenBack: '' });
  }
}

// Without a backend it waits in the outbox behind the deletion.
async function saveAgain(entity: string, record: Row): Promise<void> {
  const own = new Set(bookkeepingFields.map(({ name }) => name));
  const fields = Object.fromEntries(Object.entries(record).filter(([name, value]) => !own.has(name) && value !== null));
  await sync.collection(entity).save({ id: record['id'], ...fields });
}
