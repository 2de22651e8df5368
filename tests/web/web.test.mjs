// All tests of this folder, in one process with one browser.
import { describe } from 'node:test';
import { clientDocsTests } from './client_docs.mjs';
import { clientLibraryTests } from './client_library.mjs';
import { consoleTests } from './console.mjs';
import { consoleAuditTests } from './console_audit.mjs';
import { consoleScrollTests } from './console_scroll.mjs';
import { consoleServingTests } from './console_serving.mjs';
import { eventSourceTests } from './event_source.mjs';
import { pageSocketTests } from './page_socket.mjs';
import { wsClientTests } from './ws_client.mjs';

const atOnce = 4; // they mostly wait for a server or a page to come back

describe('web', { concurrency: atOnce }, () => {
  clientDocsTests();
  clientLibraryTests();
  consoleTests();
  consoleScrollTests();
  consoleAuditTests();
  consoleServingTests();
  eventSourceTests();
  pageSocketTests();
  wsClientTests();
});
