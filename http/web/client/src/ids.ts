// Identifiers made here: unique whatever the clock says, in the order of time when it is right.
let lastMs = 0;

/** A UUID of version 7. Times never run backwards within a page. */
export function uuid7(now = Date.now()): string {
  lastMs = Math.max(lastMs, Math.min(Math.max(0, Math.trunc(now)), 2 ** 48 - 1));
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let index = 0, rest = lastMs; index < 6; ++index, rest = Math.floor(rest / 256)) bytes[5 - index] = rest % 256;
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** A short name for a secret, from which the secret does not follow: FNV-1a, two different starts. */
export function fingerprint(text: string): string {
  const half = (start: number) => {
    let hash = start;
    for (let index = 0; index < text.length; ++index) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, '0');
  };
  return half(0x811c9dc5) + half(0x2b992ddf);
}
