// All tests of this folder, in one process with one browser.
import { describe } from 'node:test';
import { clientDocsTests } from './client_docs.mjs';
import { clientLibraryTests } from './client_library.mjs';
import { clientRecoveryTests } from './client_recovery.mjs';
import { consoleTests } from './console.mjs';
import { consoleAuditTests } from './console_audit.mjs';
import { consoleScrollTests } from './console_scroll.mjs';
import { consoleScopeTests } from './console_scope.mjs';
import { consoleServingTests } from './console_serving.mjs';
import { consoleChecklistTests } from './console_checklist.mjs';
import { consoleHttpsTests } from './console_https.mjs';
import { consoleImportTests } from './console_import.mjs';
import { consoleOutboxTests } from './console_outbox.mjs';
import { consoleSettingsTests } from './console_settings.mjs';
import { eventSourceTests } from './event_source.mjs';
import { pageSocketTests } from './page_socket.mjs';
import { tutorialTests } from './tutorial.mjs';
import { wsClientTests } from './ws_client.mjs';

const atOnce = 4; // they mostly wait for a server or a page to come back

describe('web', { concurrency: atOnce }, () => {
  clientDocsTests();
  clientLibraryTests();
  clientRecoveryTests();
  consoleTests();
  consoleChecklistTests();
  consoleHttpsTests();
  consoleImportTests();
  consoleOutboxTests();
  consoleScopeTests();
  consoleScrollTests();
  consoleAuditTests();
  consoleServingTests();
  consoleSettingsTests();
  eventSourceTests();
  pageSocketTests();
  tutorialTests();
  wsClientTests();
});
