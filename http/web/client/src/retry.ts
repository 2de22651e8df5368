// When to try again: a random time below a bound that doubles, so that many clients do not come back together.
export function fullJitter(attempts: number, baseMs: number, capMs: number, random: () => number = Math.random): number {
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempts, 30)));
}
