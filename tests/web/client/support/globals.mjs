// What browsers have and Node.js 18 has under another name. Imported before the client.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
