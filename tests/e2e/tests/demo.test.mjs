// The demo: what a newcomer sees first.

import assert from 'node:assert/strict';
import { assertSmooth } from '../lib/judge.mjs';
import { portrait } from '../lib/portrait.mjs';
import { scene } from '../lib/scene.mjs';

scene('the button on the page ships release 2 and takes it back', async (stage) => {
  const keeper = await stage.demo(6);
  const ann = await (await stage.page({ viewport: { width: 1200, height: 750 } })).arrive(keeper.url, { name: 'Ann' });
  await ann.earn();
  await ann.holdSocket();
  const before = await ann.now();
  assert.ok(before.names.length >= 7, 'Ann and the bots share a room');
  await portrait(ann, 'arena-r1');

  await press(ann, 'Deploy release 2', 'release 2');
  await portrait(ann, 'arena-r2');
  await press(ann, 'Roll back to release 1', 'release 1');

  const { views, sockets, gaps, probe } = await ann.record();
  assertSmooth(views);
  assert.ok(probe.largestClockJump_ms <= 50);
  assert.equal(probe.scoreDrops, 0);
  assert.deepEqual(sockets, [{ opened: true, closed: null }]);
  assert.deepEqual(gaps, []);

  // Ctrl-C, and the same command again.
  await keeper.stop('SIGINT');
  await ann.until('the page has noticed', () => arena.room.state === 'resuming');
  await keeper.start();
  await ann.until('the page is back', () => arena.room.state === 'open');
  await ann.views(5);
  const after = await ann.now();
  assert.equal(after.session, before.session, 'the same session');
  assert.equal(after.you, before.you, 'the same ship');
  assert.ok(after.score >= before.score, 'the points are still there');
  assertSmooth((await ann.record()).views);
});

async function press(ann, label, release) {
  await ann.page.getByRole('button', { name: label }).click();
  await ann.until(`the page shows ${release}`, (wanted) => arena.lastView.release === wanted, { argument: release });
  const told = await ann.until('the page tells how it went', () => {
    const rows = [...document.querySelectorAll('#demo-text > span')].map((row) =>
      [...row.childNodes].map((cell) => cell.textContent),
    );
    return rows.some(([name]) => name === 'pause of a room') && Object.fromEntries(rows);
  });
  for (const number of ['sockets closed', 'inputs lost', 'inputs applied twice']) {
    assert.equal(told[number], '0', number);
  }
  assert.ok(await ann.sameSocket(), 'the socket is the same object');
}
