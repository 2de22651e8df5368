// Debian's Chromium, one for all tests, started when the first test needs it. Each test gets a context of its own, which
// is what a person's browser with several tabs is.
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { patienceMs } from './wait.mjs';

const executablePath = '/usr/bin/chromium';
let running = null; // a promise of { browser, home }

export async function closeBrowser() {
  if (!running) return;
  const { browser, home } = await running;
  running = null;
  await browser.close();
  await rm(home, { recursive: true, force: true, maxRetries: 20 });
}

async function launch() {
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is missing: run tools/install-deps --test`);
  const home = await mkdtemp(path.join(os.tmpdir(), 'synclog-chromium-'));
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    chromiumSandbox: process.getuid() !== 0, // Chromium refuses to sandbox root
    timeout: patienceMs,
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
    args: [
      '--disable-quic',
      '--no-first-run',
      '--no-proxy-server',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  return { browser, home };
}

// A new browser context with options of Playwright's; the caller closes it.
export async function newContext(options = {}) {
  running ??= launch();
  const { browser } = await running;
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patienceMs);
  return context;
}
