// Processes are killed.

import assert from 'node:assert/strict';
import { assertSmooth } from '../lib/judge.mjs';
import { scene } from '../lib/scene.mjs';
import { pass, until } from '../lib/until.mjs';

/** How soon play must go on after a worker was killed, and after the keeper was started again, in milliseconds. */
const WORKER_BACK_MAX_MS = 1_000;
const KEEPER_BACK_MAX_MS = 3_000;

/** How long there is no keeper, in milliseconds. */
const OUTAGE_MS = 2_500;

scene('the worker is killed and the round goes on', async (stage, t) => {
  const keeper = await stage.serve();
  const ann = await stage.player(keeper.url);
  await ann.earn();
  await ann.holdSocket();
  const before = await ann.now();

  const pid = await keeper.killWorker();
  const { workers } = await until('another worker is there', async () => {
    const status = await keeper.status();
    return status.workers.length === 1 && status.workers[0].pid !== pid && status;
  });
  assert.notEqual(workers[0].pid, pid);
  await ann.until('the game goes on', (tick) => arena.tick > tick + 40, { argument: before.tick });
  const sent = await ann.settled();

  assert.ok(await ann.sameSocket(), 'the socket is the same object');
  const { views, sockets, gaps, probe } = await ann.record();
  assert.deepEqual(sockets, [{ opened: true, closed: null }]);
  assert.deepEqual(probe.states, ['open']);
  assert.deepEqual(gaps, [], 'no event was lost');
  const { longestGap_ms } = assertSmooth(views.filter(({ at }) => at >= before.at));
  assert.ok(longestGap_ms <= WORKER_BACK_MAX_MS, `nothing was seen for ${longestGap_ms} ms`);
  const after = await ann.now();
  assert.equal(after.session, before.session);
  assert.ok(after.score >= before.score);
  assert.ok(sent > 0 && after.applied === sent, 'every input was applied');
  t.diagnostic(`nothing was seen for ${longestGap_ms.toFixed(0)} ms`);
});

scene('the keeper is killed and started again', async (stage, t) => {
  const keeper = await stage.serve();
  const ann = await stage.player(keeper.url);
  await ann.earn();
  const before = await ann.now();

  await keeper.kill();
  await ann.until('the page has noticed', () => arena.room.state === 'resuming');
  await pass(OUTAGE_MS);
  await keeper.start();
  const restarted = await ann.ask(() => performance.now());
  await ann.until('the page is back', () => arena.room.state === 'open' && arena.sockets === 2, { patienceMs: 20_000 });
  await ann.views(20);
  await ann.settled();

  const { views, gaps, welcomes, probe } = await ann.record();
  const after = await ann.now();
  assert.equal(after.session, before.session, 'the same session');
  assert.equal(after.you, before.you, 'the same ship');
  assert.ok(after.score >= before.score, 'the points are still there');
  assertSmooth(views);
  assert.equal(probe.scoreDrops, 0);
  assert.ok(welcomes.length >= 2 && welcomes.slice(1).every(({ mode }) => mode !== 'new'));

  const at = views.findIndex(({ socket }) => socket !== views[0].socket);
  const [last, first] = [views[at - 1], views[at]];
  const [away, passed] = [first.at - last.at, last.clock_ms - first.clock_ms];
  assert.ok(away > OUTAGE_MS, 'there was an outage');
  // The clock ran only while the room was live: a little before the kill, and from the restart on.
  assert.ok(passed <= first.at - restarted + KEEPER_BACK_MAX_MS, `${passed} ms of the round passed in ${away} ms`);
  assert.ok(passed < away - OUTAGE_MS + 500, `${passed} ms of the round passed in ${away} ms`);
  assert.ok(
    gaps.every(({ lost, dropped }) => lost === 0 && dropped === 0),
    JSON.stringify(gaps),
  );
  t.diagnostic(`away ${away.toFixed(0)} ms, of which the round's clock saw ${passed} ms`);
});
