// Debian's Chromium.

import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const observer = fileURLToPath(new URL('../page/observer.js', import.meta.url));

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a browser with a fresh profile. `CHROMIUM` names another executable. */
export function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, headless: true, args: ARGS, timeout: 30_000 });
}

/** An empty page in a profile of its own, watched by `page/observer.js`. */
export async function open(browser, options) {
  const context = await browser.newContext({ viewport: { width: 640, height: 480 }, ...options });
  await context.addInitScript({ path: observer });
  return context.newPage();
}
