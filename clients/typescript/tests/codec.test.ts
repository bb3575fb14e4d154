import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, fromUuid, toHex, toUuid } from '../src/bytes.js';
import { FrameError } from '../src/frame-error.js';
import { decodeFrames, encodeAck, encodeBye, encodeInput, encodePong } from '../src/frames.js';
import { readVarint, varint } from '../src/varint.js';
import { bytes, writeServer } from './support/wire.js';
import { view, welcome } from './support/world.js';

test('numbers have the bytes they should', () => {
  const known: [bigint, string][] = [
    [0n, '00'],
    [127n, '7f'],
    [128n, '8001'],
    [300n, 'ac02'],
    [2n ** 53n - 1n, 'ffffffffffffff0f'],
    [2n ** 64n - 1n, 'ffffffffffffffffff01'],
  ];
  for (const [value, hex] of known) {
    assert.equal(toHex(varint(value)), hex);
    assert.deepEqual(readVarint(varint(value), 0), [value, hex.length / 2]);
  }
  assert.throws(() => varint(-1), RangeError);
  assert.throws(() => varint(2n ** 64n), RangeError);
});

test('only the shortest form of a number is read', () => {
  for (const hex of ['', '80', '8000', 'ff00', 'ffffffffffffffffff02', 'ffffffffffffffffffff01']) {
    assert.throws(() => readVarint(fromHex(hex) ?? bytes(0), 0), FrameError, hex);
  }
});

test('frames of a client have the bytes they should', () => {
  assert.equal(toHex(encodeInput(1, 300, Uint8Array.of(0xaa))), '020401ac02aa');
  assert.equal(toHex(encodeAck(5)), '030105');
  assert.equal(toHex(encodeBye()), '0400');
  assert.equal(toHex(encodePong(9)), '050109');
});

test('what a server writes is read back', () => {
  const frames = [
    welcome('new'),
    welcome('watching', { release: 'größer', ttlMs: 1, lost: 4 }),
    { type: 'event', seq: 7, payload: bytes({ a: [1] }) } as const,
    view(9),
    { type: 'now', payload: new Uint8Array() } as const,
    { type: 'ack', applied: 300 } as const,
    { type: 'ping', nonce: 2 ** 52 } as const,
    { type: 'move', url: 'ws://x/', ticket: bytes(1), windowMs: 1, deadlineMs: 2 } as const,
    { type: 'setAside', code: 127, inputs: [1, 300] } as const,
  ];
  for (const frame of frames) assert.deepEqual(decodeFrames(writeServer(frame)), [frame]);
});

test('limits too large to hold count as large', () => {
  const body = writeServer({ type: 'move', url: '', ticket: new Uint8Array(), windowMs: 1, deadlineMs: 2 });
  const huge = Uint8Array.of(0x17, 4 + 9, ...body.slice(2, 5), ...varint(2n ** 64n - 1n));
  const [frame] = decodeFrames(huge);
  assert.ok(frame?.type === 'move');
  assert.equal(frame.deadlineMs, Number.MAX_SAFE_INTEGER);
});

test('ids are read in both of their forms', () => {
  const id = '30313233-3435-3637-3839-616263646566';
  const raw = fromUuid(id);
  assert.ok(raw);
  assert.equal(toUuid(raw), id);
  assert.deepEqual(fromUuid(id.replaceAll('-', '')), raw);
  for (const bad of ['', 'zz', id.slice(1), `${id}00`]) assert.equal(fromUuid(bad), null);
});
