// The draft 4 part of the JSON Schema Test Suite as its npm package has it, with numbers whose text JavaScript would lose.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const folder = path.join(path.dirname(createRequire(import.meta.url).resolve('json-schema-test-suite')), 'tests/draft4');
const marked = '@number:';

// 1.0 and 98249283749234923498293171823948729348710298301928331 stay what they are: as "@number:1.0" until they are sent.
function parseKeepingNumbers(text) {
  const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  return JSON.parse(text.replace(token, (found) => (found[0] === '"' || String(Number(found)) === found ? found : `"${marked}${found}"`)));
}

// The inverse, over JSON text.
export const withNumbers = (text) => text.replace(new RegExp(`"${marked}([^"]+)"`, 'g'), '$1');

// Groups: { file, optional, field, description, schema, tests: [{ description, data, valid }] }.
export function draft4Suite() {
  const files = [...readdirSync(folder), ...readdirSync(path.join(folder, 'optional')).map((file) => `optional/${file}`)].filter((file) => file.endsWith('.json')).sort();
  return files.flatMap((file) => {
    const name = path.basename(file, '.json').toLowerCase();
    return parseKeepingNumbers(readFileSync(path.join(folder, file), 'utf8')).map((group, at) => ({ file: name, optional: file.startsWith('optional/'), field: `g${at}`, ...group }));
  });
}

// Every keyword of a schema and of those inside it; names of properties and values of enums are none.
export function keywordsOf(schema) {
  const found = new Set();
  const look = (given, what) => {
    if (Array.isArray(given)) return given.forEach((each) => typeof each === 'object' && each !== null && look(each, 'schema'));
    if (typeof given !== 'object' || given === null) return undefined;
    for (const [name, value] of Object.entries(given)) {
      if (what === 'names') look(value, 'schema');
      else {
        found.add(name);
        if (name !== 'enum') look(value, ['properties', 'patternProperties', 'definitions', 'dependencies'].includes(name) ? 'names' : 'schema');
      }
    }
    return undefined;
  };
  look(schema, 'schema');
  return [...found];
}
