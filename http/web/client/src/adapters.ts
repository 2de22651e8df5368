// Functions with the names that existing pages call, for every entity: loadClientsAdapter, saveAllClientsAdapter,
// addClientAdapter, updateClientAdapter, removeClientAdapter, and the like.
import type { Saved, SavedAll } from './collection.js';
import { entityName, type Row } from './entity.js';
import type { EntityName } from './generated/entities.js';
import type { Query } from './query.js';
import type { Sync } from './sync.js';

type Words<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Capitalize<Head>}${Words<Tail>}` : Capitalize<S>;
type Plural<S extends string> = Words<S>;
type Singular<S extends string> = Words<S> extends `${infer Stem}s` ? Stem : Words<S>;

export type Adapters = {
  [K in EntityName as `load${Plural<K>}Adapter`]: (query?: Query) => Promise<Row[]>;
} & {
  [K in EntityName as `saveAll${Plural<K>}Adapter`]: (records: Row[]) => Promise<SavedAll>;
} & {
  [K in EntityName as `${'add' | 'save'}${Singular<K>}Adapter`]: (record: Row) => Promise<Saved<Row>>;
} & {
  [K in EntityName as `get${Singular<K>}Adapter`]: (id: string) => Promise<Row | null>;
} & {
  [K in EntityName as `update${Singular<K>}Adapter`]: (id: string, fields: Row) => Promise<Saved<Row>>;
} & {
  [K in EntityName as `remove${Singular<K>}Adapter`]: (id: string) => Promise<Saved<Row>>;
};

export function adapters(sync: Sync): Adapters {
  const made: Record<string, unknown> = {};
  for (const entity of sync.entities) {
    const records = sync.collection<Row>(entity);
    const [one, many] = [entityName(entity, 'singular'), entityName(entity, 'plural')];
    made[`load${many}Adapter`] = async (query: Query = {}) => (await records.load(query)).rows;
    made[`saveAll${many}Adapter`] = (list: Row[]) => records.saveAll(list);
    made[`add${one}Adapter`] = (record: Row) => records.add(record);
    made[`save${one}Adapter`] = (record: Row) => records.save(record);
    made[`get${one}Adapter`] = async (id: string) => (await records.get(id)).record;
    made[`update${one}Adapter`] = (id: string, fields: Row) => records.update(id, fields);
    made[`remove${one}Adapter`] = (id: string) => records.remove(id);
  }
  return made as Adapters;
}
