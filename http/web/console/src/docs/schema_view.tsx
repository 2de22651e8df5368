// A schema as a list of what stands in it; what lies deeper opens when asked for.
import { useState } from 'preact/hooks';
import { typeText, type Reference, type Schema } from './document.ts';
import { Prose } from './prose.tsx';

const maxDepth = 6;

interface SchemaProps {
  schema: Schema;
  reference: Reference;
  depth?: number;
}

/** All that `allOf` puts together, as one. */
function merged(given: Schema, resolve: Reference['resolve']): Schema {
  const schema = resolve(given);
  if (!schema.allOf) return schema;
  const parts = schema.allOf.map((part) => merged(part, resolve));
  return { ...schema, properties: Object.assign({}, ...parts.map(({ properties }) => properties)) as Record<string, Schema> };
}

function inner(given: Schema, resolve: Reference['resolve']): Schema | null {
  const schema = merged(given, resolve);
  if (schema.properties) return schema;
  if (schema.items) return inner(schema.items, resolve);
  const choice = schema.oneOf?.map((one) => inner(one, resolve)).find((found) => found !== null);
  return choice ?? null;
}

export function SchemaView({ schema, reference, depth = 0 }: SchemaProps) {
  const shown = inner(schema, reference.resolve);
  if (!shown) return null;
  const required = new Set([...(shown.required ?? []), ...(shown['x-required-to-create'] ?? [])]);
  return (
    <ul class="schema">
      {Object.entries(shown.properties ?? {}).map(([name, property]) => (
        <Property key={name} name={name} property={property} isRequired={required.has(name)} reference={reference} depth={depth} />
      ))}
    </ul>
  );
}

function Property({ name, property, isRequired, reference, depth }: { name: string; property: Schema; isRequired: boolean; reference: Reference; depth: number }) {
  const [isOpen, setOpen] = useState(false);
  const resolved = reference.resolve(property);
  const hasMore = depth < maxDepth && inner(property, reference.resolve) !== null;
  return (
    <li>
      <code>{name}</code>
      {isRequired && <span class="schema-required">required</span>}
      <span class="muted"> {typeText(resolved)}</span>
      {(property.description ?? resolved.description) && <span> <Prose text={property.description ?? resolved.description ?? ''} /></span>}
      {hasMore && (
        <button type="button" class="link-button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'less' : 'more'}<span class="visually-hidden"> of {name}</span>
        </button>
      )}
      {isOpen && <SchemaView schema={property} reference={reference} depth={depth + 1} />}
    </li>
  );
}
