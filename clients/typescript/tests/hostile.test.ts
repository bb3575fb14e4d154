import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../src/writer.js';
import { bytes, writeServer } from './support/wire.js';
import { event, view, World, welcome } from './support/world.js';

const WELCOME = writeServer(welcome('new'));

const BAD: [what: string, message: Uint8Array][] = [
  ['an empty message', Uint8Array.of()],
  ['a type without a length', Uint8Array.of(0x12)],
  ['a length that is cut off', Uint8Array.of(0x12, 0x80)],
  ['a length beyond the message', Uint8Array.of(0x12, 0x05, 0x01)],
  ['a length of over 64 bits', Uint8Array.of(0x14, ...new Array(10).fill(0xff), 0x01)],
  ['a length of 2^63', Uint8Array.of(0x14, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01)],
  ['a number that is cut off', Uint8Array.of(0x12, 0x01, 0x80)],
  ['a number not in its shortest form', Uint8Array.of(0x12, 0x02, 0x81, 0x00)],
  ['a number over 53 bits', Uint8Array.of(0x12, 0x09, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
  ['an unknown frame', Uint8Array.of(0x18, 0x00)],
  ["a client's frame", Uint8Array.of(0x02, 0x02, 0x01, 0x00)],
  ['an ACK that is too long', Uint8Array.of(0x15, 0x02, 0x00, 0x00)],
  ['a PING without a nonce', Uint8Array.of(0x16, 0x00)],
  ['a MOVE with a string that is no UTF-8', Uint8Array.of(0x17, 0x05, 0x01, 0xff, 0x00, 0x00, 0x00)],
  ['a good frame before a bad one', concat([writeServer(event(1)), Uint8Array.of(0x18, 0x00)])],
  ['a view that is not whole', writeServer({ type: 'view', asOf: 1, base: 1, payload: bytes(1) })],
  ['an ACK of what was never sent', writeServer({ type: 'ack', applied: 1 })],
  ['a second WELCOME', WELCOME],
  ['too many frames', concat(new Array(4_097).fill(Uint8Array.of(0x81, 0x00)))],
];

test('what cannot be read closes the connection, and the client comes back', () => {
  for (const [what, message] of BAD) {
    const world = new World();
    const socket = world.begin();
    socket.pushRaw(message);
    assert.ok(socket.dropped, what);
    assert.deepEqual(world.heardOf('state', 'end', 'event', 'view'), ['state resuming 1006'], what);
    world.comeBack('resumed');
    assert.equal(world.room.state, 'open', what);
    assert.deepEqual(world.errors, [], what);
  }
});

test('every WELCOME that is cut off or changed is survived', () => {
  for (let length = 0; length < WELCOME.length; length += 1) {
    const world = new World();
    world.socket.open();
    world.socket.pushRaw(WELCOME.slice(0, length));
    assert.ok(world.socket.dropped, `${length} bytes`);
    world.comeBack('new');
    assert.equal(world.room.state, 'open');
  }
  for (let at = 0; at < WELCOME.length; at += 1) {
    for (const byte of [0x00, 0x7f, 0x80, 0xff]) {
      const world = new World();
      world.socket.open();
      const message = WELCOME.slice();
      message[at] = byte;
      world.socket.pushRaw(message);
      world.timers.pass(500);
      assert.deepEqual(world.errors, []);
    }
  }
});

test('frames before the WELCOME are not taken', () => {
  for (const frame of [event(1), view(1), { type: 'ack', applied: 0 } as const]) {
    const world = new World();
    world.socket.open();
    world.socket.push(frame);
    assert.ok(world.socket.dropped);
    assert.deepEqual(world.heardOf('event', 'view'), []);
  }
});

test('a text message is not taken', () => {
  const world = new World();
  const socket = world.begin();
  socket.pushData('{"type":"event"}');
  assert.ok(socket.dropped);
  assert.equal(world.room.state, 'resuming');
});

test('a WELCOME that answers another question is not taken', () => {
  for (const terms of [
    welcome('resumed'),
    welcome('fresh'),
    welcome('watching'),
    welcome('new', { token: new Uint8Array() }),
    welcome('new', { inNext: 0 }),
    welcome('new', { room: new Uint8Array(15) }),
  ]) {
    const world = new World();
    world.socket.open();
    world.socket.push(terms);
    assert.ok(world.socket.dropped);
    assert.equal(world.room.state, 'connecting');
  }
});

test('a server that keeps talking nonsense is tried less and less often', () => {
  const world = new World();
  for (let tries = 0; tries < 8; tries += 1) {
    world.socket.open();
    world.socket.pushRaw(Uint8Array.of(0x18, 0x00));
    world.timers.pass(10_000);
  }
  assert.equal(world.heardOf('retry').at(-1)?.split(' ').at(-1), '5000');
});

test('frames that later versions may skip are skipped', () => {
  const world = new World();
  const socket = world.begin();
  const skipped = Uint8Array.of(0x80, 0x03, 0xff, 0xff, 0xff, 0xfe, 0x00);
  socket.pushRaw(concat([skipped, writeServer(event(1)), skipped]));
  socket.pushRaw(skipped);
  assert.deepEqual(world.heard(), ['event 1 1']);
});
