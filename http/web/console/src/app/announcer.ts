// What a screen reader says without being asked. The shell holds the live region.
import { signal } from '@preact/signals';

const repeatedMark = '\u00a0'; // the same words again are only read when the text differs

export const announcement = signal('');

export function announce(text: string): void {
  announcement.value = announcement.value === text ? text + repeatedMark : text;
}
