// The token that calls are tried with, while this page lives.
import { signal } from '@preact/signals';

export const token = signal('');
