// Tests that are played on a stage.

import { test } from 'node:test';
import { Stage } from './stage.mjs';

/** How long one scene may take, in milliseconds, and clearing up after it. */
const DEADLINE_MS = 60_000;
const CLEAR_MS = 30_000;

/**
 * A test. Whatever happens in it, the stage is cleared afterwards, and if it failed its processes' logs are shown.
 *
 * @param {string} name
 * @param {(stage: Stage, t: import('node:test').TestContext) => Promise<void>} play
 */
export function scene(name, play) {
  test(name, { timeout: DEADLINE_MS + CLEAR_MS }, async (t) => {
    const stage = await Stage.set();
    let failure;
    try {
      await within(DEADLINE_MS, play(stage, t));
    } catch (error) {
      failure = error;
    }
    await stage.clear().catch((error) => (failure ??= error));
    if (failure === undefined) return;
    t.diagnostic(stage.report());
    throw failure;
  });
}

async function within(ms, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the scene took longer than ${ms} ms`)), ms);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
