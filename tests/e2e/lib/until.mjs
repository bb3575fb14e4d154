// Waiting for something to become true.

/** How often a condition is looked at, in milliseconds. */
const EVERY_MS = 20;

/** How long a condition is waited for unless the caller says otherwise, in milliseconds. */
export const PATIENCE_MS = 15_000;

/** Lets so many milliseconds pass. Only for faults that last a given time, never to wait for something. */
export const pass = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Waits until `look()` gives something true, and gives that.
 *
 * @template T
 * @param {string} what said in the error if it does not come
 * @param {() => T | Promise<T>} look
 * @param {number} [patienceMs]
 * @returns {Promise<T>}
 */
export async function until(what, look, patienceMs = PATIENCE_MS) {
  const end = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > end) throw new Error(`waited ${patienceMs} ms in vain until ${what}`);
    await pass(EVERY_MS);
  }
}
