const units = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const;

/** `1.2 MB`, as the reader's language writes numbers. */
export function sizeText(bytes: number): string {
  let [value, at] = [bytes, 0];
  for (; value >= 1000 && at < units.length - 1; ++at) value /= 1000;
  return `${value.toLocaleString(undefined, { maximumFractionDigits: at === 0 || value >= 100 ? 0 : 1 })} ${units[at]}`;
}
