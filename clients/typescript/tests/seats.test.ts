import assert from 'node:assert/strict';
import { test } from 'node:test';
import { event, view, World, welcome } from './support/world.js';

/** The page is loaded again: nothing is left of the one before but its storage. */
function reload(
  world: World,
  mode: Parameters<typeof welcome>[0],
  changes: Parameters<typeof welcome>[1] = {},
) {
  world.join();
  world.socket.open();
  const hello = world.socket.hello();
  world.socket.push(welcome(mode, { generation: hello.generation, ...changes }));
  world.heard();
  return hello;
}

test('inputs that only arrived are not claimed to be acknowledged by a page that was loaded again', () => {
  const world = new World();
  const socket = world.begin();
  for (const input of ['a', 'b', 'c', 'd']) world.room.send(input);
  world.timers.pass(600);
  socket.push({ type: 'ack', applied: 1 });
  // The server has all four, and has applied one.
  reload(world, 'fresh', { inNext: 5 });
  world.room.send('e');
  assert.deepEqual(world.socket.inputs(), [5]);
  world.socket.end(1006);
  world.timers.pass(500);
  world.socket.open();
  assert.equal(world.socket.hello().lo, 2);
  // It was started again and has lost what it had not applied: what the old page sent is gone, what this one sent is not.
  world.socket.push(welcome('resumed', { generation: 3, inNext: 2 }));
  assert.deepEqual(world.socket.inputs(), [2]);
  world.socket.push({ type: 'ack', applied: 2 });
  assert.equal(world.room.applied, 1);
  assert.deepEqual(world.heardOf('gap', 'end'), []);
});

test('inputs of the page before count among those on their way', () => {
  const world = new World();
  world.begin({ inputsPendingMax: 4 });
  for (const input of ['a', 'b', 'c']) world.room.send(input);
  reload(world, 'fresh', { inNext: 4, inputsPendingMax: 4 });
  for (const input of ['d', 'e', 'f']) world.room.send(input);
  assert.deepEqual(world.socket.inputs(), [4], 'one more is as many as the server takes');
  world.socket.push({ type: 'ack', applied: 2 });
  assert.deepEqual(world.socket.inputs(), [5, 6]);
});

test('a spectator leaves alone what a player of the same page has kept', () => {
  const world = new World();
  world.begin();
  world.room.detach();
  const spectator = world.join({ watch: true });
  world.socket.open();
  assert.equal(world.socket.hello().token.length, 0);
  world.socket.push(welcome('watching'));
  spectator.leave();
  world.join({ watch: true });
  world.socket.open();
  world.socket.end(4902, 'PLY-0114 too many spectators');
  world.join();
  world.socket.open();
  assert.equal(world.socket.hello().token.length, 24);
});

test('what happened between a detach and the next join is told as missed', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(event(1), event(2));
  world.room.detach();
  world.join();
  world.socket.open();
  const hello = world.socket.hello();
  assert.deepEqual([hello.whole, hello.history], [true, 3]);
  world.heard();
  world.socket.push(welcome('fresh', { generation: 2, eventSeq: 7 }), view(7));
  assert.deepEqual(world.heardOf('gap'), ['gap {"reason":"fresh","missed":5,"lost":0,"dropped":0}']);
  // A mere reload says nothing of the kind: the new page has seen nothing anyway.
  world.join();
  world.socket.open();
  world.socket.hello();
  world.socket.push(welcome('fresh', { generation: 3, eventSeq: 9 }));
  assert.deepEqual(world.heardOf('gap'), []);
});

test('leaving while the HELLO is under way gives the seat up', () => {
  const world = new World();
  world.socket.open();
  world.room.leave();
  assert.deepEqual(
    world.socket.said().map(({ type }) => type),
    ['hello', 'bye'],
  );
  assert.ok(world.socket.dropped);
  const again = new World();
  again.begin().end(1006);
  again.timers.pass(500);
  again.socket.open();
  again.room.leave();
  assert.deepEqual(
    again.socket.said().map(({ type }) => type),
    ['hello', 'bye'],
  );
});

test('an input of more than a message holds otherwise goes alone', () => {
  const world = new World({ inputsBytesMax: 200_000 });
  const socket = world.begin({ inputBytesMax: 60_000, bytesPerSecond: 0 });
  assert.equal(world.room.send('x'.repeat(40_000)), 1);
  assert.equal(world.room.send('y'), 2);
  assert.deepEqual(socket.inputs(), [1, 2]);
  assert.deepEqual(socket.messages.slice(1), [1, 1]);
});

test('inputs keep to the pace of the server, however fast they are made', () => {
  const world = new World();
  const socket = world.begin({ framesPerSecond: 300, bytesPerSecond: 0 });
  let taken = 0;
  let sent = 0;
  // A screen of 500 Hz for a minute.
  for (let frame = 0; frame < 30_000; frame += 1) {
    if (world.room.send(frame) !== false) taken += 1;
    world.timers.pass(2);
    const numbers = socket.inputs();
    sent += numbers.length;
    const last = numbers.at(-1);
    if (last !== undefined) socket.push({ type: 'ack', applied: last });
  }
  assert.ok(sent <= 300 + 60 * 300, `${sent} in a minute`);
  assert.ok(sent > 60 * 200, `${sent} in a minute`);
  world.timers.pass(5_000);
  assert.equal(sent + socket.inputs().length, taken, 'what was taken leaves');
  assert.equal(world.room.state, 'open');
});

test('a screen of 144 Hz is never held back', () => {
  const world = new World();
  const socket = world.begin();
  for (let frame = 0; frame < 3_000; frame += 1) {
    const seq = world.room.send({ frame });
    assert.deepEqual(socket.inputs(), [seq]);
    socket.push({ type: 'ack', applied: frame + 1 });
    world.timers.pass(7);
  }
});

test('no socket is of a generation that is none', () => {
  const world = new World();
  world.begin();
  const last = Number.MAX_SAFE_INTEGER - 1;
  reload(world, 'resumed', { generation: last });
  world.socket.end(1006);
  world.timers.pass(500);
  world.socket.open();
  assert.equal(world.socket.hello().generation, last);
});
