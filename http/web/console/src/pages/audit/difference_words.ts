// What can be done about a difference that a verification found.
export interface LogDifference {
  position: number;
  kind: string;
  detail: string;
  resource?: string;
  id?: string;
  field?: string;
  stored?: string;
  computed?: string;
}

const ofTables = new Set(['row_missing', 'row_extra', 'field', 'table']);

export function adviceOn({ kind, resource }: LogDifference): string {
  if (ofTables.has(kind)) {
    return `The log itself is sound. \`synclog replay rebuild ${resource ?? ''}\` makes the table anew from it, while it is served.`;
  }
  if (kind === 'identity') return 'Is this the database that is meant, and the checkpoint its own?';
  return 'The log itself cannot be mended: keep this database as evidence, and compare it with backups and with checkpoints that were kept elsewhere.';
}
