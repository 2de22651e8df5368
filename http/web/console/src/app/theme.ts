// Light, dark, or as the device has it.
import { signal } from '@preact/signals';
import { remember, remembered } from './remembered.ts';

export type Theme = 'auto' | 'light' | 'dark';

const name = 'theme';
const isTheme = (text: unknown): text is Theme => text === 'auto' || text === 'light' || text === 'dark';
const stored = remembered(name);

export const theme = signal<Theme>(isTheme(stored) ? stored : 'auto');

theme.subscribe((value) => {
  document.documentElement.dataset['theme'] = value;
  remember(name, value === 'auto' ? null : value);
});
