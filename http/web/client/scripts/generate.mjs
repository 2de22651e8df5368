// Makes src/generated/entities.ts from the entity definitions: a type for each record, and what the client must know of
// each entity when it runs.
//
//   node scripts/generate.mjs DEFINITIONS_FOLDER OUTPUT_FILE
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

const [folder, output] = process.argv.slice(2);
if (!output) throw new Error('usage: generate.mjs DEFINITIONS_FOLDER OUTPUT_FILE');

const typeOf = ({ type }) => {
  if (type === 'string') return 'string';
  if (type === 'number' || type === 'integer') return 'number';
  if (type === 'boolean') return 'boolean';
  return type === 'array' ? 'unknown[]' : 'Record<string, unknown>';
};
const singular = (name) => {
  const words = name.split(/[-_]/).map((word) => word[0].toUpperCase() + word.slice(1));
  return words.join('').replace(/ies$/, 'y').replace(/s$/, '');
};
const isSame = (object) => Object.entries(object).every(([from, to]) => from === to);
const differing = (object) => Object.fromEntries(Object.entries(object).filter(([from, to]) => from !== to));

const camelCase = (field) => field.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
// Most other names are the field's own in camelCase: pages make those themselves.
function aliasesOf(aliases) {
  const own = Object.entries(aliases).filter(([from, to]) => from === camelCase(to)).map(([, to]) => to);
  const others = Object.entries(aliases).filter(([from, to]) => from !== camelCase(to));
  const parts = others.map((pair) => pair.map((one) => JSON.stringify(one)).join(':'));
  if (own.length > 0) parts.unshift(`...camelCased(${JSON.stringify(own.join(' '))})`);
  return `{${parts.join(',')}}`;
}

function infoOf(definition) {
  const info = { prefix: definition['x-prefix'] };
  const objects = Object.entries(definition.properties).filter(([, { type }]) => type === 'object');
  if (Object.keys(differing(definition['x-filters'] ?? {})).length > 0) info.filters = differing(definition['x-filters']);
  if (definition['x-search']) info.search = definition['x-search'];
  if (definition['x-order']) info.order = definition['x-order'];
  if (definition['x-key']) info.key = definition['x-key'];
  if (objects.length > 0) info.objects = objects.map(([name]) => name);
  const aliases = definition['x-aliases'];
  const text = JSON.stringify(info);
  return aliases && !isSame(aliases) ? text.replace(/}$/, `,"aliases":${aliasesOf(aliases)}}`) : text;
}

function interfaceOf(name, definition) {
  const lines = [`/** ${definition.description ?? definition.title ?? name} */`, `export interface ${singular(name)} extends RecordHead {`];
  const required = new Set(definition.required ?? []);
  for (const [field, property] of Object.entries(definition.properties)) {
    lines.push(`  ${field}: ${typeOf(property)}${required.has(field) ? '' : ' | null'};`);
  }
  return [...lines, '}', ''].join('\n');
}

const names = (await readdir(folder)).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5)).sort();
const definitions = new Map();
for (const name of names) definitions.set(name, JSON.parse(await readFile(path.join(folder, `${name}.json`), 'utf8')));

const parts = [
  '// Made by scripts/generate.mjs from core/entities: not to be edited.',
  "import { camelCased, type EntityInfo } from '../entity.js';",
  '',
  '/** What the backend adds to every record. */',
  'export interface RecordHead {\n  id: string;\n  version: number;\n  position: number;\n  created_at: string;\n  updated_at: string;\n}\n',
  ...[...definitions].map(([name, definition]) => interfaceOf(name, definition)),
  `export interface EntityTypes {\n${names.map((name) => `  '${name}': ${singular(name)};`).join('\n')}\n}\n`,
  'export type EntityName = keyof EntityTypes;\n',
  'export const entityInfos: Record<EntityName, EntityInfo> = {',
  ...[...definitions].map(([name, definition]) => `  '${name}': ${infoOf(definition)},`),
  '};',
  '',
];
await mkdir(path.dirname(output), { recursive: true });
await writeFile(output, parts.join('\n'));
