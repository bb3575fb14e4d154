// The network fails for five seconds.

import assert from 'node:assert/strict';
import { assertSmooth } from '../lib/judge.mjs';
import { scene } from '../lib/scene.mjs';
import { ROOM } from '../lib/stage.mjs';
import { pass } from '../lib/until.mjs';

const FAULT_MS = 5_000;

scene('the connection is cut for five seconds', async (stage) => {
  const [keeper, network, ann] = await throughNetwork(stage);
  const before = await ann.now();

  network.cut();
  await ann.until('the page has noticed', () => arena.room.state === 'resuming');
  assert.equal(await ann.page.locator('#link b').textContent(), 'reconnecting');
  await pass(FAULT_MS);
  network.heal();
  // As when a phone finds the network again, the browser says so.
  await ann.ask(() => window.dispatchEvent(new Event('online')));
  await ann.until('the page is back', () => arena.room.state === 'open');
  await ann.views(20);
  await ann.settled();

  await sameSeat(keeper, ann, before);
  const { sockets, welcomes } = await ann.record();
  assert.equal(sockets.filter(({ opened }) => opened).length, 2, 'one socket after the other');
  assert.notEqual(welcomes.at(-1).mode, 'new');
});

scene('nothing arrives for five seconds', async (stage) => {
  const [keeper, network, ann] = await throughNetwork(stage);
  const before = await ann.now();
  await ann.holdSocket();

  network.freeze();
  await pass(FAULT_MS);
  const meanwhile = await ann.ask(() => seen.sent);
  network.heal();
  await ann.until('the game is here again', (at) => arena.room.state === 'open' && arena.tick > at, {
    argument: before.tick + FAULT_MS / 50,
  });
  await ann.views(20);
  const sent = await ann.settled();

  assert.ok(sent >= meanwhile, 'what was steered meanwhile is applied');
  assert.ok(await ann.sameSocket(), 'five seconds are no reason to give a socket up');
  await sameSeat(keeper, ann, before);
});

async function throughNetwork(stage) {
  const keeper = await stage.serve();
  const network = await stage.network(keeper);
  const ann = await stage.player(network.url);
  await ann.earn();
  return [keeper, network, ann];
}

// Ann is who she was, the round went on without her, and nothing of hers was lost.
async function sameSeat(keeper, ann, before) {
  const after = await ann.now();
  assert.equal(after.session, before.session, 'the same session');
  assert.equal(after.you, before.you, 'the same ship');
  assert.ok(after.score >= before.score, 'the points are still there');
  assert.ok(after.tick - before.tick >= FAULT_MS / 50, 'the round went on meanwhile');
  const { views, probe, gaps } = await ann.record();
  assertSmooth(views);
  assert.equal(probe.scoreDrops, 0);
  assert.ok(
    gaps.every(({ lost, dropped }) => lost === 0 && dropped === 0),
    JSON.stringify(gaps),
  );
  assert.equal((await keeper.room(ROOM)).players, 4, 'Ann and three bots');
}
