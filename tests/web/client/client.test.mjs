// The browser client without a browser: its parts, what it promises against a scripted backend, tabs, storage, and random
// histories. Then the real server.
import { describe } from 'node:test';
import { behaviourTests } from './behaviour.mjs';
import { completenessTests } from './completeness.mjs';
import { pureTests } from './pure.mjs';
import { recoveryTests } from './recovery.mjs';

describe('client', { concurrency: 2 }, () => {
  pureTests();
  behaviourTests();
  completenessTests();
  recoveryTests();
});
