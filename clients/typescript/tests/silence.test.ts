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
    socket.push({ type: 'ping', nonce: 1 });
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
  world.begin({ pingMs: 1_000 });
  world.timers.pass(3_000);
  assert.equal(world.room.state, 'resuming');
});

test('a server that pings seldom is not taken for dead before it would', () => {
  for (const [pingMs, dead] of [
    [20_000, 22_000],
    [10_500, 12_500],
  ] as const) {
    const world = new World();
    world.begin({ pingMs });
    world.timers.pass(dead - 1);
    assert.equal(world.room.state, 'open');
    world.timers.pass(1);
    assert.equal(world.room.state, 'resuming');
  }
});

test('in a hidden tab, where every timer is a minute late, a dead socket is noticed', () => {
  const world = new World();
  world.begin();
  const minute = () => {
    world.timers.sleep(60_000);
    world.timers.pass(0);
  };
  minute();
  assert.equal(world.room.state, 'open', 'what came meanwhile may be read yet');
  minute();
  assert.equal(world.room.state, 'resuming');
});

test('after the network changed, silence for a second is enough to try another connection', () => {
  const world = new World();
  const socket = world.begin();
  world.room.send('a');
  world.timers.pass(3_000);
  world.wake();
  world.timers.pass(999);
  assert.equal(world.sockets.length, 1);
  world.timers.pass(1);
  assert.equal(world.sockets.length, 2);
  assert.equal(world.room.state, 'open', 'the old one plays on');
  world.socket.open();
  const hello = world.socket.hello();
  assert.deepEqual([hello.generation, hello.lo], [2, 1]);
  world.socket.push(welcome('resumed', { generation: 2, inNext: 1 }));
  assert.deepEqual(world.socket.inputs(), [1]);
  assert.ok(socket.dropped);
  assert.deepEqual(world.heardOf('state', 'gap', 'end'), ['state open']);
});

test('after the network changed, a connection that is heard is kept, and so is one for which there is no other', () => {
  const world = new World();
  const socket = world.begin();
  world.timers.pass(3_000);
  world.wake();
  world.timers.pass(500);
  socket.push({ type: 'ping', nonce: 1 });
  world.timers.pass(2_000);
  assert.equal(world.sockets.length, 1);
  world.wake();
  world.timers.pass(1_000);
  assert.equal(world.sockets.length, 2);
  world.socket.end(1006);
  assert.equal(world.room.state, 'open');
  socket.push({ type: 'ping', nonce: 2 });
  world.timers.pass(10_000);
  assert.equal(world.room.state, 'open');
  assert.equal(world.sockets.length, 2);
});

test('a page that slept first reads what has come in meanwhile', () => {
  const world = new World();
  const socket = world.begin();
  world.timers.sleep(60_000);
  world.timers.pass(0);
  assert.equal(world.room.state, 'open');
  socket.push({ type: 'ping', nonce: 1 });
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
  socket.push({ type: 'ping', nonce: 1 });
  socket.end(1006);
  world.comeBack('resumed');
  assert.deepEqual(world.socket.inputs(), [1]);
  world.socket.push(welcome('resumed'));
});
