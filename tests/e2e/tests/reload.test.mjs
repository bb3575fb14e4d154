// The page goes and comes back.

import assert from 'node:assert/strict';
import { assertSmooth } from '../lib/judge.mjs';
import { scene } from '../lib/scene.mjs';
import { ROOM } from '../lib/stage.mjs';

scene('a reloaded page sits in the same seat', async (stage) => {
  const keeper = await stage.serve();
  const ann = await stage.player(keeper.url);
  await ann.earn();
  await ann.settled();
  const before = await ann.now();
  const { players } = await keeper.room(ROOM);

  await ann.page.reload();
  await ann.until('the first view is there', () => arena.lastView !== null);
  const after = await ann.now();
  assert.equal(after.session, before.session, 'the same session');
  assert.equal(after.you, before.you, 'the same ship');
  assert.ok(after.score >= before.score, 'the points are still there');
  assert.ok(after.tick > before.tick && after.clock_ms < before.clock_ms, 'the same round went on');
  assert.equal((await keeper.room(ROOM)).players, players, 'no second seat');

  // The new page's inputs count on from the old one's.
  await ann.hands(true);
  await ann.until('Ann has sent something', () => seen.sent >= 3);
  await ann.settled();
  const { welcomes, views } = await ann.record();
  assert.equal(welcomes.length, 1);
  assert.ok(['resumed', 'fresh'].includes(welcomes[0].mode), `welcomed as ${welcomes[0].mode}`);
  assertSmooth(views);
});
