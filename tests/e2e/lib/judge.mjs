// What a row of views says about the game behind them.

import assert from 'node:assert/strict';

/** Length of a step, in milliseconds. */
export const STEP_MS = 50;

/** The round's clock and its own steps may not differ by more than this from one view to the next, in milliseconds. */
const CLOCK_JUMP_MAX_MS = STEP_MS;

/**
 * @typedef {object} Seen one view in short, see `page/observer.js`
 * @property {number} at by the page's clock, in milliseconds
 * @property {number} tick
 * @property {number} clock_ms left of the round
 * @property {number} round
 * @property {boolean} podium
 * @property {number} you
 * @property {number | undefined} x where the own ship is
 * @property {number | undefined} y
 * @property {number} score
 * @property {string} release
 * @property {number} socket which of the page's sockets was in use
 */

/** What happened between views: `{clockJump_ms, scoreDrops, backwards, longestGap_ms}`. @param {Seen[]} views */
export function judge(views) {
  const found = { clockJump_ms: 0, scoreDrops: 0, backwards: 0, longestGap_ms: 0 };
  for (let next = 1; next < views.length; next += 1) {
    const [a, b] = [views[next - 1], views[next]];
    found.longestGap_ms = Math.max(found.longestGap_ms, b.at - a.at);
    if (b.tick < a.tick) found.backwards += 1;
    if (a.round !== b.round || a.podium !== b.podium) continue;
    const jump = Math.abs(a.clock_ms - b.clock_ms - (b.tick - a.tick) * STEP_MS);
    found.clockJump_ms = Math.max(found.clockJump_ms, jump);
    if (b.score < a.score) found.scoreDrops += 1;
  }
  return found;
}

/** Fails if the game went back or its clock jumped. @param {Seen[]} views */
export function assertSmooth(views) {
  const found = judge(views);
  assert.equal(found.scoreDrops, 0, 'the score never goes back');
  assert.equal(found.backwards, 0, 'steps never go back');
  assert.ok(found.clockJump_ms <= CLOCK_JUMP_MAX_MS, `the clock jumped by ${found.clockJump_ms} ms`);
  return found;
}

/**
 * By how much the round's clock fell behind the page's, in milliseconds, from the first second of the views to the last.
 * Of many views one came quickly: the smallest delay of each end is compared, so that a busy machine does not count.
 *
 * @param {Seen[]} views of one round, at least two seconds of them
 */
export function clockLag_ms(views) {
  const ends = [views[0].at + 1_000, views.at(-1).at - 1_000];
  const delay = (some) => Math.min(...some.map((view) => view.at + view.clock_ms));
  return delay(views.filter(({ at }) => at >= ends[1])) - delay(views.filter(({ at }) => at <= ends[0]));
}
