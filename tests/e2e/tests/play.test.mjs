// Joining and playing.

import assert from 'node:assert/strict';
import { devices } from 'playwright-core';
import { assertSmooth } from '../lib/judge.mjs';
import { scene } from '../lib/scene.mjs';
import { ROOM } from '../lib/stage.mjs';

scene('someone joins by the form and flies with the keyboard', async (stage) => {
  const keeper = await stage.serve();
  const ann = await stage.page();
  await ann.page.goto(`${keeper.url}?room=${ROOM}`);
  await ann.page.getByLabel('Your name').fill('Ann');
  await ann.page.getByRole('button', { name: 'Play', exact: true }).click();
  await ann.until('Ann flies', () => arena.you > 0);

  const start = await ann.now();
  assert.ok(start.names.includes('Ann'), 'Ann is on the board');
  assert.equal(await ann.page.locator('#link b').textContent(), 'connected');
  // Away from the nearer wall, so that there is room to fly.
  await fly(ann, start.x > 0 ? 'ArrowLeft' : 'ArrowRight', 'x', start.x > 0 ? -1 : 1);
  await fly(ann, start.y > 0 ? 'w' : 's', 'y', start.y > 0 ? -1 : 1);

  await ann.earn();
  await ann.settled();
  const { views, gaps, sockets, probe } = await ann.record();
  assertSmooth(views);
  assert.deepEqual(gaps, []);
  assert.equal(sockets.length, 1);
  assert.equal(probe.scoreDrops, 0);
  assert.match(await ann.page.locator('#time').textContent(), /^[45]:\d\d$/);
  const own = ann.page.locator('#board [data-you="true"]');
  assert.ok(Number(await own.locator('b').textContent()) > 0, 'the board shows the points');
});

scene('someone plays on a phone with a finger', async (stage) => {
  const keeper = await stage.serve();
  const { viewport, userAgent, deviceScaleFactor } = devices['Pixel 5'];
  const phone = { viewport, userAgent, deviceScaleFactor, isMobile: true, hasTouch: true };
  const ann = await stage.player(keeper.url, 'Ann', phone);
  const finger = await ann.page.context().newCDPSession(ann.page);
  const touch = (type, ...points) => finger.send('Input.dispatchTouchEvent', { type, touchPoints: points });

  const { x } = await ann.now();
  const way = x > 0 ? -1 : 1;
  await touch('touchStart', { x: 180, y: 500 });
  await touch('touchMove', { x: 180 + way * 60, y: 500 });
  assert.ok(await ann.page.locator('#stick').isVisible(), 'the stick is under the finger');
  await ann.until('the ship follows the finger', moved, { argument: { axis: 'x', from: x, by: way * 150 } });
  await touch('touchEnd');
  assert.ok(await ann.page.locator('#stick').isHidden(), 'the stick goes with the finger');
  await ann.settled();
  assertSmooth((await ann.record()).views);
});

scene('two players and a spectator see each other', async (stage) => {
  const keeper = await stage.serve();
  const ann = await stage.player(keeper.url, 'Ann');
  const ben = await stage.player(keeper.url, 'Ben');
  const eve = await (await stage.page()).arrive(keeper.url, { room: ROOM, watch: true });
  await Promise.all([ann.earn(), ben.earn()]);

  const [ofAnn, ofBen, ofEve] = await Promise.all([ann.now(), ben.now(), eve.now()]);
  assert.equal(ofAnn.roomId, ofBen.roomId);
  assert.equal(ofAnn.roomId, ofEve.roomId);
  assert.notEqual(ofAnn.you, ofBen.you);
  assert.ok(ofAnn.names.includes('Ben'), 'Ann sees Ben');
  assert.ok(ofBen.names.includes('Ann'), 'Ben sees Ann');
  await sameThing(ann, ben);
  assert.equal(ofEve.you, 0, 'a spectator has no ship');
  assert.equal(ofEve.session, null);
  assert.ok(ofEve.names.includes('Ann') && ofEve.names.includes('Ben'), 'the spectator sees both');
  assert.equal(await eve.page.locator('#link b').textContent(), 'watching');
  await eve.until('the spectator sees points', () =>
    arena.lastView.board.some(([, name, score]) => name === 'Ann' && score > 0),
  );
  assert.equal(
    await eve.ask(() => arena.room.send({ x: 100, y: 0, button: false })),
    false,
    'a spectator cannot steer',
  );

  const { players } = await keeper.room(ROOM);
  assert.equal(players, 5, 'two people and three bots have seats');
  for (const one of [ann, ben, eve]) assertSmooth((await one.record()).views);
});

async function fly(player, key, axis, way) {
  const from = (await player.now())[axis];
  await player.page.keyboard.down(key);
  await player.until(`the ship flies with ${key}`, moved, { argument: { axis, from, by: way * 150 } });
  await player.page.keyboard.up(key);
}

// In the page: whether the own ship has gone as far as `by` from where it was.
function moved({ axis, from, by }) {
  const ship = arena.lastView.things.find(([id]) => id === arena.you);
  return (ship[axis === 'x' ? 1 : 2] - from) / by >= 1;
}

// At the same step of the game both see Ben's ship, which is flying, at the same place.
async function sameThing(ann, ben) {
  const { you } = await ben.now();
  const ofAnn = await ann.ask((id) => {
    const { tick, things } = arena.lastView;
    const [, x, y] = things.find(([one]) => one === id);
    return { tick, x, y };
  }, you);
  const ofBen = await ben.until(
    'Ben sees the same step',
    ({ tick }) => {
      const view = seen.views.find((one) => one.tick >= tick);
      return view && { tick: view.tick, x: view.x, y: view.y };
    },
    { argument: ofAnn },
  );
  assert.deepEqual(ofBen, ofAnn);
}
