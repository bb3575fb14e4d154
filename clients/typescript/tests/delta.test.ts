import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyDelta, DELTA_VIEW_BYTES_MAX } from '../src/delta.js';
import { FrameError } from '../src/frame-error.js';
import { varint } from '../src/varint.js';
import { concat } from '../src/writer.js';
import { Random } from './support/random.js';
import { bytes, writeServer } from './support/wire.js';
import { World, welcome } from './support/world.js';

/** A delta of the steps given, each new bytes and a copy from somewhere. */
function delta(length: number, steps: [added: Uint8Array, from: number, copied: number][]): Uint8Array {
  const out = [varint(length)];
  let end = 0;
  for (const [added, from, copied] of steps) {
    const distance = copied === 0 ? 0 : from - end - added.length;
    out.push(varint(copied * 8 + Math.min(added.length, 3) * 2 + (distance === 0 ? 0 : 1)));
    if (added.length >= 3) out.push(varint(added.length - 3));
    out.push(added);
    if (distance !== 0) out.push(varint(distance < 0 ? -2 * distance - 1 : 2 * distance));
    if (copied > 0) end = from + copied;
  }
  return concat(out);
}

test('new bytes and copies from anywhere make the view', () => {
  const random = new Random(1);
  for (let turn = 0; turn < 500; turn += 1) {
    const base = random.bytes(300);
    const steps: [Uint8Array, number, number][] = [];
    const parts: Uint8Array[] = [];
    for (let step = random.below(9); step > 0; step -= 1) {
      const added = random.bytes(20);
      const from = random.below(base.length + 1);
      const copied = random.below(base.length - from + 1);
      if (added.length + copied === 0) continue;
      steps.push([added, from, copied]);
      parts.push(added, base.subarray(from, from + copied));
    }
    const view = concat(parts);
    assert.deepEqual(applyDelta(base, delta(view.length, steps)), view);
  }
});

test('any bytes are a delta or a FrameError', () => {
  const random = new Random(2);
  for (let turn = 0; turn < 5_000; turn += 1) {
    const base = random.bytes(100);
    try {
      assert.ok(applyDelta(base, random.bytes(30), 200).length <= 200);
    } catch (error) {
      assert.ok(error instanceof FrameError, String(error));
    }
  }
});

const told = (payload: Uint8Array) => writeServer({ type: 'view', asOf: 0, base: 1, payload });
const whole = (payload: Uint8Array) => writeServer({ type: 'view', asOf: 0, base: 0, payload });

test('a view that cannot be decoded is what the next one is told by all the same', () => {
  const world = new World();
  const socket = world.begin();
  const broken = bytes({ n: 1 }).subarray(0, 6);
  socket.pushRaw(whole(broken));
  assert.equal(world.errors.length, 1);
  socket.pushRaw(
    told(
      delta(7, [
        [new Uint8Array(), 0, 6],
        [bytes({}).subarray(1), 0, 0],
      ]),
    ),
  );
  assert.deepEqual(world.room.view, { n: 1 });
});

test('what a codec does to a view does not harm the next one', () => {
  const codec = {
    id: 0,
    encode: bytes,
    decode: (payload: Uint8Array) => {
      const value = JSON.parse(new TextDecoder().decode(payload));
      payload.fill(0);
      return value;
    },
  };
  const world = new World({ codec });
  const socket = world.begin();
  socket.pushRaw(whole(bytes([1, 2])));
  const next = told(delta(5, [[new Uint8Array(), 0, 5]]));
  socket.pushRaw(next);
  socket.pushRaw(next);
  assert.deepEqual(world.room.view, [1, 2]);
  assert.equal(world.room.state, 'open');
});

test('a view over the bound is shown, and none is told by it', () => {
  const world = new World();
  const socket = world.begin();
  socket.pushRaw(whole(bytes('x'.repeat(DELTA_VIEW_BYTES_MAX))));
  assert.equal(String(world.room.view).length, DELTA_VIEW_BYTES_MAX);
  socket.pushRaw(told(delta(5, [[new Uint8Array(), 0, 5]])));
  assert.ok(socket.dropped);
  assert.deepEqual(world.heardOf('state'), ['state resuming 1006']);
});

test('whoever does not ask for deltas is told none', () => {
  const world = new World({ deltas: false });
  world.socket.open();
  assert.equal(world.socket.hello().deltas, false);
  world.socket.push(welcome('new'));
  world.socket.pushRaw(whole(bytes(1)));
  world.socket.pushRaw(told(delta(1, [[new Uint8Array(), 0, 1]])));
  assert.ok(world.socket.dropped);
});
