import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes } from './support/wire.js';
import { event, view, World, welcome } from './support/world.js';

test('events come in order and once', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(event(1), event(2), event(2), event(1), event(3));
  assert.deepEqual(world.heard(), ['event 1 1', 'event 2 2', 'event 3 3']);
  assert.equal(world.room.recv, 3);
});

test('an event out of order is not told: the client comes back for what is missing', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(event(1), event(3), event(4));
  assert.deepEqual(world.heardOf('event', 'state'), ['event 1 1', 'state resuming 1006']);
  assert.ok(socket.dropped);
  world.timers.pass(500);
  world.socket.open();
  assert.equal(world.socket.hello().recv, 1);
  world.socket.push(welcome('resumed', { eventSeq: 4 }), event(2), event(3), event(4));
  assert.deepEqual(world.heardOf('event', 'gap'), ['event 2 2', 'event 3 3', 'event 4 4']);
});

test('a view stands for the events before it, and says how many were missed', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(event(1), view(1), view(4), event(4), event(5));
  assert.deepEqual(world.heard(), [
    'event 1 1',
    'view "as of 1" 1',
    'gap {"reason":"view","missed":3,"lost":0,"dropped":0}',
    'view "as of 4" 4',
    'event 5 5',
  ]);
  assert.equal(world.room.view, 'as of 4');
});

test('messages of the moment are passed on', () => {
  const world = new World();
  world.begin().push({ type: 'now', payload: bytes({ x: 1 }) });
  assert.deepEqual(world.heard(), ['now {"x":1}']);
});

test('events are acknowledged half a second later, all at once', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(event(1));
  world.timers.pass(300);
  socket.push(event(2));
  world.timers.pass(199);
  assert.deepEqual(socket.said(), []);
  world.timers.pass(1);
  assert.deepEqual(socket.said(), [{ type: 'ack', recv: 2 }]);
  world.timers.pass(5_000);
  assert.deepEqual(socket.said(), []);
});

test('32 events are acknowledged without waiting', () => {
  const world = new World();
  const socket = world.begin();
  for (let seq = 1; seq <= 70; seq += 1) socket.push(event(seq));
  assert.deepEqual(socket.said(), [
    { type: 'ack', recv: 32 },
    { type: 'ack', recv: 64 },
  ]);
});

test('an input brings the acknowledgement along', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(event(1), event(2));
  world.room.send('a');
  assert.deepEqual(socket.said(), [{ type: 'input', seq: 1, recv: 2, payload: '"a"' }]);
  world.timers.pass(5_000);
  assert.deepEqual(socket.said(), []);
});

test('a missed event that a view stood for is acknowledged too', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(view(9));
  world.timers.pass(500);
  assert.deepEqual(socket.said(), [{ type: 'ack', recv: 9 }]);
});

test('an unreadable payload is reported and passed over', () => {
  const world = new World();
  const socket = world.begin();
  const bad = new TextEncoder().encode('{');
  socket.push({ type: 'event', seq: 1, payload: bad }, event(2));
  socket.push({ type: 'now', payload: bad }, { type: 'view', asOf: 2, base: 0, payload: bad }, view(2));
  assert.deepEqual(world.heard(), [
    'gap {"reason":"unreadable","missed":1,"lost":0,"dropped":0}',
    'event 2 2',
    'view "as of 2" 2',
  ]);
  assert.equal(world.errors.length, 3);
  assert.ok(!socket.dropped);
});

test('a listener that throws disturbs nobody', () => {
  const world = new World();
  world.room.on('event', () => {
    throw new Error('oops');
  });
  const socket = world.begin();
  socket.push(event(1), event(2));
  assert.deepEqual(world.heard(), ['event 1 1', 'event 2 2']);
  assert.equal(world.errors.length, 2);
  assert.equal(world.room.state, 'open');
});

test('a listener that was taken away hears no more', () => {
  const world = new World();
  let heard = 0;
  const off = world.room.on('event', () => {
    heard += 1;
  });
  const socket = world.begin();
  socket.push(event(1));
  off();
  socket.push(event(2));
  assert.equal(heard, 1);
});

test('a listener may leave in the middle of a message', () => {
  const world = new World();
  world.room.on('event', () => world.room.leave());
  const socket = world.begin();
  socket.push(event(1), event(2), view(2));
  assert.deepEqual(world.heardOf('event', 'view', 'end'), [
    'event 1 1',
    'end {"code":1000,"reason":"left","left":true}',
  ]);
});

test('a ping is answered at once, also before the welcome', () => {
  const world = new World();
  world.socket.open();
  world.socket.hello();
  world.socket.push({ type: 'ping', nonce: Number.MAX_SAFE_INTEGER });
  assert.deepEqual(world.socket.said(), [{ type: 'pong', nonce: Number.MAX_SAFE_INTEGER }]);
});
