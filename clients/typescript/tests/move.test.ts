import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Move } from '../src/frames.js';
import { event, HOME, view, World, welcome } from './support/world.js';

const AWAY = 'ws://127.0.0.1:4100/play';

function move(changes: Partial<Move> = {}): Move {
  return {
    type: 'move',
    url: AWAY,
    ticket: new Uint8Array(),
    windowMs: 4_000,
    deadlineMs: 10_000,
    ...changes,
  };
}

/** A world that was told to move, and has its new socket open. */
function moving(): World {
  const world = new World();
  world.begin().push(event(1), move());
  world.timers.pass(2_000);
  world.socket.open();
  world.heard();
  return world;
}

test('the new connection is made at a random moment of the window', () => {
  for (const [random, ms] of [
    [0, 0],
    [0.25, 1_000],
    [0.75, 3_000],
  ] as const) {
    const world = new World();
    world.random = random;
    const old = world.begin();
    old.push(move());
    world.timers.pass(Math.max(0, ms - 1));
    assert.equal(world.sockets.length, ms === 0 ? 2 : 1);
    world.timers.pass(1);
    assert.equal(world.sockets.length, 2);
    assert.equal(world.socket.url, AWAY);
    assert.ok(!old.dropped);
  }
});

test('the old connection plays on until the new one is welcomed, and is then not read', () => {
  const world = moving();
  const [old, fresh] = world.sockets;
  assert.ok(old && fresh);
  assert.equal(fresh.hello().generation, 2);
  world.room.send('a');
  old.push(event(2), { type: 'ack', applied: 0 });
  assert.deepEqual(old.inputs(), [1]);
  assert.equal(world.room.socket, old);
  fresh.push(welcome('resumed', { generation: 2, inNext: 1, eventSeq: 2, release: 'r2' }), event(3));
  assert.ok(old.dropped);
  old.push(event(3), view(4));
  old.end(4901, 'PLY-0112');
  assert.deepEqual(fresh.inputs(), [1], 'what the old server may not have read is sent again');
  assert.deepEqual(world.heard(), ['event 2 2', 'welcome resumed r2', 'state open', 'event 3 3'].sort(order));
  assert.equal(world.room.socket, fresh);
  world.timers.pass(5_000);
  assert.equal(world.sockets.length, 2);
});

function order(a: string, b: string): number {
  const place = (line: string) =>
    ['event 2', 'state', 'welcome', 'event 3'].findIndex((name) => line.startsWith(name));
  return place(a) - place(b);
}

test('a new connection that fails is tried again, and the old one kept', () => {
  const world = moving();
  const [old, fresh] = world.sockets;
  assert.ok(old && fresh);
  fresh.end(1006);
  assert.equal(world.room.state, 'open');
  old.push(event(2));
  world.timers.pass(250);
  assert.equal(world.sockets.length, 3);
  world.socket.open();
  assert.equal(world.socket.hello().generation, 3);
  world.socket.push(welcome('resumed', { eventSeq: 2 }));
  assert.ok(old.dropped);
  assert.deepEqual(world.heardOf('state', 'gap', 'end', 'event', 'retry'), ['event 2 2', 'state open']);
});

test('at the deadline the old connection is kept for good, whatever the new one said', () => {
  for (const code of [null, 1006, 4401, 4404, 4900, 4902]) {
    const world = moving();
    const [old] = world.sockets;
    assert.ok(old);
    for (let at = 2_000; at < 12_000; at += 500) {
      if (code !== null && world.socket !== old && !world.socket.dropped) world.socket.end(code);
      old.push({ type: 'ping', nonce: 0 });
      world.timers.pass(500);
    }
    assert.ok(!old.dropped);
    assert.ok(world.sockets.slice(1).every((socket) => socket.dropped));
    const { length } = world.sockets;
    world.timers.pass(10_000);
    assert.equal(world.sockets.length, length, 'nothing more is tried');
    old.push(event(2));
    assert.deepEqual(world.heard(), ['event 2 2'], 'the page notices nothing');
    assert.equal(world.room.state, 'open');
  }
});

test('an address that is none is passed over', () => {
  const world = new World();
  const socket = world.begin();
  for (const url of ['http://[', 'javascript:alert(1)', 'file:///etc/passwd']) socket.push(move({ url }));
  world.timers.pass(10_000);
  assert.equal(world.sockets.length, 1);
  assert.ok(!socket.dropped);
});

test('an address may be relative to the present one', () => {
  const world = new World();
  world.begin().push(move({ url: '/other' }));
  world.timers.pass(2_000);
  assert.equal(world.socket.url, 'ws://127.0.0.1:4000/other');
});

test('the old server closing while the new connection is made changes nothing', () => {
  for (const code of [4000, 4901, 1006]) {
    const world = moving();
    const [old, fresh] = world.sockets;
    assert.ok(old && fresh);
    old.end(code);
    assert.equal(world.room.state, 'resuming');
    fresh.push(welcome('resumed', { eventSeq: 1 }));
    assert.equal(world.room.state, 'open');
    world.timers.pass(9_000);
    assert.equal(world.sockets.length, 2);
    assert.deepEqual(world.heardOf('end', 'gap'), []);
  }
});

test('the room ending on the old connection ends the move', () => {
  const world = moving();
  world.sockets[0]?.end(4903, 'PLY-0103 the room has ended');
  assert.ok(world.socket.dropped);
  assert.deepEqual(world.heardOf('end').length, 1);
  assert.equal(world.timers.size, 0);
});

test('another page taking over before the new socket said a word ends this one', () => {
  const world = new World();
  const old = world.begin();
  old.push(move());
  world.timers.pass(2_000);
  old.end(4901);
  assert.equal(world.room.state, 'ended');
});

test('a server that goes before the move began is looked for at the new address, then at the old', () => {
  const world = new World();
  world.begin().push(move({ windowMs: 10_000 }));
  world.timers.pass(1_000);
  world.socket.end(1006);
  world.timers.pass(500);
  assert.equal(world.socket.url, AWAY);
  world.socket.end(1006);
  world.timers.pass(1_000);
  assert.equal(world.socket.url, HOME);
});

test('after a move the new address is the one to come back to', () => {
  const world = moving();
  world.socket.push(welcome('resumed', { eventSeq: 1 }));
  world.socket.end(1006);
  world.timers.pass(500);
  assert.equal(world.socket.url, AWAY);
  world.socket.end(1006);
  world.timers.pass(1_000);
  assert.equal(world.socket.url, HOME);
});
