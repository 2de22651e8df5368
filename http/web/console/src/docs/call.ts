// One call of an operation as somebody has filled it in: its URL, its headers, and the same as a curl command.
import { urlOf } from '../data/api.ts';
import type { Operation } from './document.ts';

export interface Call {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string | null;
}

export interface Filled {
  /** By place and name: `query branch`. What is empty is not sent. */
  values: Readonly<Record<string, string>>;
  accept: string;
  bodyType: string;
  body: string;
  token: string;
}

export const keyOf = (place: string, name: string): string => `${place} ${name}`;

export function callOf(operation: Operation, filled: Filled): Call {
  const given = (place: string, name: string) => filled.values[keyOf(place, name)] ?? '';
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(given('path', name)));
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  for (const parameter of operation.parameters) {
    const text = given(parameter.in, parameter.name);
    if (text === '') continue;
    if (parameter.in === 'header') headers[parameter.name] = text;
    if (parameter.in !== 'query') continue;
    const repeats = parameter.schema?.type === 'array';
    for (const one of repeats ? text.split(',') : [text]) query.append(parameter.name, one.trim());
  }
  if (filled.accept !== '') headers['Accept'] = filled.accept;
  if (filled.token !== '') headers['Authorization'] = `Bearer ${filled.token}`;
  const hasBody = operation.body !== null;
  if (hasBody) headers['Content-Type'] = filled.bodyType;
  const text = query.toString();
  return { method: operation.method, url: urlOf(path) + (text ? `?${text}` : ''), headers, body: hasBody ? filled.body : null };
}

const quoted = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;

/** For a shell. The token is left to be filled in: a command in a history should not hold one. */
export function curlOf({ method, url, headers, body }: Call): string {
  const parts = ['curl'];
  if (headers['Accept'] === 'text/event-stream') parts.push('-N');
  if (method !== 'GET' && !(method === 'POST' && body !== null)) parts.push('-X', method);
  for (const [name, value] of Object.entries(headers)) {
    parts.push('-H', name === 'Authorization' ? '"Authorization: Bearer $TOKEN"' : quoted(`${name}: ${value}`));
  }
  if (body !== null) parts.push('--data-binary', quoted(body));
  return [...parts, quoted(url)].join(' ');
}
