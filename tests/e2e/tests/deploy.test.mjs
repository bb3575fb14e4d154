// A deploy and a rollback in the middle of a round.

import assert from 'node:assert/strict';
import { assertSmooth, clockLag_ms } from '../lib/judge.mjs';
import { scene } from '../lib/scene.mjs';
import { ROOM } from '../lib/stage.mjs';

/** No room may stand still for longer, in milliseconds; usually it is a tenth of that. The bar of `playon drill`. */
const PAUSE_MAX_MS = 100;

/** A stop that people would see, in milliseconds. Far more than a pause, because it counts whatever else the machine is busy with. */
const LAG_MAX_MS = 1_000;

scene('release 2 comes into the running round, and goes again', async (stage, t) => {
  const keeper = await stage.serve();
  const ann = await stage.player(keeper.url);
  const eve = await (await stage.page()).arrive(keeper.url, { room: ROOM, watch: true });
  await ann.earn();
  await Promise.all([ann.holdSocket(), eve.holdSocket()]);
  const start = await ann.now();
  assert.equal(start.release, 'release 1');
  assert.deepEqual(await release2(ann), { label: 'release 1', banner: '', gauges: 1 });

  const there = await moves(t, keeper, ann, () => keeper.deploy(), 'release 2');
  assert.equal(there.from, 'arena-r1');
  assert.equal(there.to, 'arena-r2');
  const news = await release2(ann);
  assert.deepEqual(news, { label: 'release 2', banner: 'golden comets, and a dash', gauges: 2 });
  await dashes(ann);
  await ann.until('a comet crosses the arena', () => arena.shapes.includes('comet'), { patienceMs: 30_000 });

  const back = await moves(t, keeper, ann, () => keeper.rollback(), 'release 1');
  assert.equal(back.to, 'arena-r1');
  assert.deepEqual(await release2(ann), { label: 'release 1', banner: '', gauges: 1 });

  const { probe, sockets, gaps, welcomes } = await ann.record();
  assert.deepEqual(
    probe.releases.map(([label]) => label),
    ['release 1', 'release 2', 'release 1'],
  );
  assert.deepEqual(probe.states, ['open'], 'the page never noticed');
  assert.deepEqual(sockets, [{ opened: true, closed: null }]);
  assert.equal(welcomes.length, 1);
  assert.deepEqual(gaps, []);
  assert.equal((await ann.now()).session, start.session);

  const ofEve = await eve.record();
  assert.ok(await eve.sameSocket(), "the spectator's socket is the same object");
  assert.deepEqual(ofEve.sockets, [{ opened: true, closed: null }]);
  assert.deepEqual(
    ofEve.probe.releases.map(([label]) => label),
    ['release 1', 'release 2', 'release 1'],
  );
  assertSmooth(ofEve.views);
});

// Moves the room while Ann steers as fast as she can, and checks what she noticed.
async function moves(t, keeper, ann, order, release) {
  await ann.hands(true);
  const from = (await ann.record()).views.at(-1);
  const deploy = await order();
  await ann.until(`the page shows ${release}`, (wanted) => arena.lastView.release === wanted, { argument: release });
  await ann.views(25);
  const sent = await ann.settled();

  assert.ok(await ann.sameSocket(), 'the socket is the same object');
  const { views, sockets, probe } = await ann.record();
  assert.ok(
    sockets.every(({ closed }) => closed === null),
    'no socket was closed',
  );
  const during = views.filter(({ at }) => at >= from.at - 1_000);
  const { longestGap_ms } = assertSmooth(during);
  assert.ok(probe.largestClockJump_ms <= 50, `the page saw the clock jump by ${probe.largestClockJump_ms} ms`);
  assert.equal(probe.scoreDrops, 0);
  const lag = clockLag_ms(during);
  assert.ok(lag <= LAG_MAX_MS, `the clock fell ${lag} ms behind`);

  assert.deepEqual(
    {
      phase: deploy.phase,
      sockets_closed: deploy.sockets_closed,
      inputs_lost: deploy.inputs_lost,
      inputs_applied_twice: deploy.inputs_applied_twice,
    },
    { phase: 'done', sockets_closed: 0, inputs_lost: 0, inputs_applied_twice: 0 },
  );
  assert.equal(deploy.rooms_moved, 1);
  assert.ok(deploy.pause_ms.max <= PAUSE_MAX_MS, `the room stood still for ${deploy.pause_ms.max} ms`);
  assert.equal((await keeper.room(ROOM)).release, deploy.to);
  t.diagnostic(
    `${release}: pause ${deploy.pause_ms.max} ms, longest gap between views ${longestGap_ms.toFixed(0)} ms, clock lag ${lag.toFixed(1)} ms, ${sent} inputs`,
  );
  return deploy;
}

/** What the page shows of a release. */
function release2(player) {
  return player.ask(() => ({
    label: document.querySelector('#release').textContent,
    banner: document.querySelector('#banner').textContent,
    gauges: document.querySelectorAll('#gauges > div').length,
  }));
}

// The page was loaded from release 1, and yet its space bar does what release 2 brought.
async function dashes(player) {
  const energy = () => player.ask(() => arena.lastView.gauges.find(([label]) => label === 'dash')?.[1]);
  const before = await player.until('the tank is full enough', () => (arena.lastView.gauges[1]?.[1] ?? 0) >= 30);
  assert.ok(before);
  const full = await energy();
  await player.page.keyboard.down('ArrowRight');
  await player.page.keyboard.down('Space');
  await player.until('the dash takes energy', (was) => arena.lastView.gauges[1][1] < was - 5, { argument: full });
  await player.page.keyboard.up('Space');
  await player.page.keyboard.up('ArrowRight');
}
