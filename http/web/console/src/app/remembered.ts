// Small preferences of this browser. They are gone where there is no storage, and nothing depends on them.
const prefix = 'synclog.';

export function remembered(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(prefix + name) ?? 'null');
  } catch {
    return null;
  }
}

/** Called when another tab remembers something else. */
export function onRemembered(name: string, call: (value: unknown) => void): void {
  addEventListener('storage', ({ key }) => key === prefix + name && call(remembered(name)));
}

/** null forgets it. */
export function remember(name: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(prefix + name);
    else localStorage.setItem(prefix + name, JSON.stringify(value));
  } catch {
    // A private window, or no room.
  }
}
