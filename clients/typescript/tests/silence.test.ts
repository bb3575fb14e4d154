import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World, welcome } from './support/world.js';

test('a server that is silent for 12 s is dead', () => {
  const world = new World();
  const socket = world.begin();
  world.timers.pass(11_999);
  assert.equal(world.room.state, 'open');
  world.timers.pass(1);
  assert.deepEqual(world.heardOf('state', 'end'), ['state resuming 1006']);
  assert.ok(socket.dropped);
  socket.end(1006);
  world.comeBack('resumed');
  assert.deepEqual(world.heardOf('state', 'end'), ['state open']);
});

test('anything that is heard counts', () => {
  const world = new World();
  const socket = world.begin();
  for (let second = 0; second < 60; second += 10) {
    world.timers.pass(10_000);
    socket.push({ type: 'ping', nonce: 1n });
  }
  assert.equal(world.room.state, 'open');
});

test('a socket that never opens, or is never answered, is given up as well', () => {
  for (const opens of [false, true]) {
    const world = new World();
    const { socket } = world;
    if (opens) world.timers.pass(5_000);
    if (opens) socket.open();
    world.timers.pass(12_000);
    assert.ok(socket.dropped);
    world.timers.pass(500);
    assert.equal(world.sockets.length, 2);
    assert.equal(world.room.state, 'connecting');
  }
});

test('the time is an option', () => {
  const world = new World({ deadMs: 3_000 });
  world.begin();
  world.timers.pass(3_000);
  assert.equal(world.room.state, 'resuming');
});

test('a page that slept first reads what has come in meanwhile', () => {
  const world = new World();
  const socket = world.begin();
  world.timers.sleep(60_000);
  world.timers.pass(0);
  assert.equal(world.room.state, 'open');
  socket.push({ type: 'ping', nonce: 1n });
  world.timers.pass(11_000);
  assert.equal(world.room.state, 'open');
  world.timers.sleep(60_000);
  world.timers.pass(1_000);
  assert.equal(world.room.state, 'resuming', 'nothing came');
});

test('nothing is sent into a socket that is being closed', () => {
  const world = new World();
  const socket = world.begin();
  socket.dropped = true;
  assert.equal(world.room.send('a'), 1);
  socket.push({ type: 'ping', nonce: 1n });
  socket.end(1006);
  world.comeBack('resumed');
  assert.deepEqual(world.socket.inputs(), [1]);
  world.socket.push(welcome('resumed'));
});
