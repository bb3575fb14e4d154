// The judge notices what it is there to notice.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSmooth, clockLag_ms, judge } from '../lib/judge.mjs';

// `count` views of a round that runs as it should, one each step.
function round(count) {
  return Array.from({ length: count }, (_, step) => ({
    at: 1_000 + step * 50,
    tick: step,
    clock_ms: 300_000 - step * 50,
    round: 1,
    podium: false,
    score: step,
  }));
}

test('a round that runs as it should is smooth', () => {
  const views = round(80);
  assert.deepEqual(judge(views), { clockJump_ms: 0, scoreDrops: 0, backwards: 0, longestGap_ms: 50 });
  // Views may be left out, and the next round begins with no points and a full clock.
  const next = { ...views.at(-1), round: 2, tick: 80, clock_ms: 300_000, score: 0 };
  assertSmooth([...views.filter(({ tick }) => tick % 3 === 0), next]);
  assert.equal(clockLag_ms(views), 0);
});

test('a clock that jumps, points that go and steps that come twice are noticed', () => {
  const spoiled = (spoil) => round(80).map((view) => (view.tick < 40 ? view : { ...view, ...spoil(view) }));
  assert.throws(() => assertSmooth(spoiled(({ clock_ms }) => ({ clock_ms: clock_ms - 51 }))), /clock jumped by 51 ms/);
  assert.throws(() => assertSmooth(spoiled(({ clock_ms }) => ({ clock_ms: clock_ms + 51 }))), /clock jumped by 51 ms/);
  assert.throws(() => assertSmooth(spoiled(({ score }) => ({ score: score - 2 }))), /score never goes back/);
  assert.throws(() => assertSmooth(spoiled(({ tick }) => ({ tick: tick - 2 }))), /steps never go back/);
});

test('a room that stood still has a clock that lags', () => {
  const views = round(80).map((view) => (view.tick < 40 ? view : { ...view, at: view.at + 130 }));
  assert.equal(clockLag_ms(views), 130);
  assert.equal(judge(views).longestGap_ms, 180);
});
