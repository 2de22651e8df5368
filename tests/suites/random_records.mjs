// Records of an entity with values that fit, nearly fit, and do not.
const texts = ['A', 'Ama Ω 田中', '  spaces ', '=1+1', 'x'.repeat(300), 'null', '0', '\u202e', 'line\nbreak'];
const fitting = {
  string: texts,
  number: [0, -1, 12.5, 1e2, 0.01, 123456789],
  integer: [0, -1, 7, 123456789],
  boolean: [true, false],
  object: [{}, { a: 1 }, { a: { b: [1, null, 'x'] } }],
  array: [[], [1, 'a', null], [[[]]]],
  date: ['2026-11-23', '2000-02-29', '1999-12-31'],
  time: ['10:00:00', '23:59:59'],
  'date-time': ['2026-11-23T04:05:06Z', '2026-11-23T04:05:06.123456Z', '2026-11-23T04:05:06+07:00'],
};
const doubtful = [null, '', 'x', 0, 1, -2.5, 1.234567, '12.5', '7', true, 'true', {}, [], { a: 1 }, [1], '{"a":1}', '[1,2]', '2026-11-23', '2026-02-30', '10:00', '25:00:00', '2026-11-23T04:05:06Z', '2026-11-23 04:05:06', '1e400', 'y'.repeat(5_000)];

const any = (list, random) => list[Math.floor(random() * list.length)];
export const kindOf = (property) => property?.format ?? property?.type;

export function randomRecord(definition, random, id) {
  const record = { id };
  for (const [field, property] of Object.entries(definition.properties)) {
    const isRequired = (definition.required ?? []).includes(field);
    const isUnique = (definition['x-unique'] ?? []).includes(field);
    if (random() < (isRequired ? 0.05 : 0.5)) continue;
    if (isUnique) record[field] = `${field}-${id}`;
    else if (property.enum && random() < 0.8) record[field] = any(property.enum, random);
    else record[field] = any(random() < 0.9 ? fitting[kindOf(property)] : doubtful, random);
  }
  if (random() < 0.1) record.expected_version = any([0, '0', -1, null], random);
  return record;
}
