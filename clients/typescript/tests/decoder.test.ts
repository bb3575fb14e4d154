// The decoder of server frames against random messages: whole ones, damaged ones and noise.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MODES, ROOM_BYTES, SERVER_FRAMES_MAX, TO_CLIENT, TOKEN_BYTES } from '../src/constants.js';
import { FrameError } from '../src/frame-error.js';
import { decodeFrames, type ServerFrame } from '../src/frames.js';
import { varint } from '../src/varint.js';
import { concat } from '../src/writer.js';
import { Random } from './support/random.js';
import { writeServer } from './support/wire.js';

const ROUNDS = 4_000;

/** Named when a round fails: `new Random(seed)` tells its story again. */
function rounds(what: string, round: (random: Random) => void): void {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    try {
      round(new Random(seed));
    } catch (error) {
      throw new Error(`${what}: seed ${seed}`, { cause: error });
    }
  }
}

const exactly = (random: Random, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random.byte());

function frame(random: Random): ServerFrame {
  switch (random.below(8)) {
    case 0:
      return welcome(random);
    case 1:
      return { type: 'event', seq: random.int(), payload: random.bytes(300) };
    case 2:
      return { type: 'view', asOf: random.int(), base: random.int(), payload: random.bytes(300) };
    case 3:
      return { type: 'now', payload: random.bytes(300) };
    case 4:
      return { type: 'ack', applied: random.int() };
    case 5:
      return { type: 'ping', nonce: random.int() };
    case 6:
      return { type: 'setAside', code: random.int(), inputs: random.list(5, () => random.int()) };
    default:
      return {
        type: 'move',
        url: random.text(40),
        ticket: random.bytes(40),
        windowMs: random.int(),
        deadlineMs: random.int(),
      };
  }
}

function welcome(random: Random): ServerFrame {
  return {
    type: 'welcome',
    proto: 1,
    mode: random.pick(MODES),
    codec: random.int(),
    token: exactly(random, random.pick([0, TOKEN_BYTES])),
    room: exactly(random, ROOM_BYTES),
    history: random.int(),
    generation: random.int(),
    inNext: random.int(),
    eventSeq: random.int(),
    lost: random.int(),
    ttlMs: random.int(),
    pingMs: random.int(),
    inputBytesMax: random.int(),
    inputsPendingMax: random.int(),
    framesPerSecond: random.int(),
    bytesPerSecond: random.int(),
    release: random.text(40),
  };
}

/** One to five frames. */
const several = (random: Random): ServerFrame[] => [frame(random), ...random.list(4, () => frame(random))];

const message = (random: Random): Uint8Array => concat(several(random).map(writeServer));

/** The frames, or nothing if the message is refused; any other error is the decoder's fault. */
function read(bytes: Uint8Array): ServerFrame[] | null {
  const before = bytes.slice();
  try {
    const frames = decodeFrames(bytes);
    assert.ok(kept(frames, bytes) <= bytes.length, 'more is kept than came');
    // As many frames as the message can hold, each at least a type and a length.
    assert.ok(frames.length <= Math.min(bytes.length / 2, SERVER_FRAMES_MAX));
    return frames;
  } catch (error) {
    if (error instanceof FrameError) return null;
    throw error;
  } finally {
    assert.deepEqual(bytes, before, 'the message was written to');
  }
}

/** What the decoder itself writes into frames. */
const NAMES: readonly string[] = [...Object.keys(TO_CLIENT), ...MODES];

/** Bytes that frames hold: none is behind more memory than the message, whatever lengths were announced. */
function kept(frames: readonly ServerFrame[], from: Uint8Array): number {
  const utf8 = new TextEncoder();
  let sum = 0;
  for (const value of frames.flatMap((one) => Object.values(one))) {
    if (value instanceof Uint8Array) {
      assert.ok(value.buffer === from.buffer || value.buffer.byteLength === value.length, 'a large buffer');
      sum += value.length;
    } else if (typeof value === 'string' && !NAMES.includes(value)) {
      sum += utf8.encode(value).length;
    }
  }
  return sum;
}

test('every message that a server can write is read back', () => {
  rounds('round trip', (random) => {
    const frames = several(random);
    assert.deepEqual(read(concat(frames.map(writeServer))), frames);
  });
});

test('frames that may be skipped change nothing wherever they stand', () => {
  rounds('skipped', (random) => {
    const frames = several(random);
    const mixed = frames.flatMap((one) => {
      const body = random.bytes(200);
      const skipped = concat([Uint8Array.of(0x80 | random.below(128)), varint(body.length), body]);
      return random.below(2) === 0 ? [writeServer(one)] : [skipped, writeServer(one)];
    });
    assert.deepEqual(read(concat(mixed)), frames);
  });
});

test('a message cut off anywhere gives the whole frames before the cut, or is refused', () => {
  rounds('cut', (random) => {
    const frames = several(random);
    const parts = frames.map(writeServer);
    const whole = concat(parts);
    const length = random.below(whole.length);
    // Where each frame ends: only there may a cut go unnoticed.
    const ends = parts.map((_, at) => concat(parts.slice(0, at + 1)).length);
    const count = ends.indexOf(length) + 1;
    assert.deepEqual(read(whole.slice(0, length)), count === 0 ? null : frames.slice(0, count));
  });
});

test('what is read from damaged messages means what their bytes say', () => {
  let taken = 0;
  rounds('damage', (random) => {
    const frames = read(damaged(random, message(random)));
    if (frames === null || frames.length === 0) return;
    taken += 1;
    // Written again and read again it is the same: no field was made up.
    assert.deepEqual(read(concat(frames.map(writeServer))), frames);
  });
  // Damage in payloads cannot be noticed: the test would be idle if everything were refused, or nothing.
  assert.ok(taken > ROUNDS / 20 && taken < ROUNDS, `${taken} of ${ROUNDS}`);
});

function damaged(random: Random, bytes: Uint8Array): Uint8Array {
  let out = Array.from(bytes);
  for (let times = random.below(4); times >= 0; times -= 1) {
    const at = random.below(out.length + 1);
    switch (random.below(5)) {
      case 0:
        out[Math.min(at, Math.max(out.length - 1, 0))] = random.byte();
        break;
      case 1:
        out.splice(at, 0, ...random.bytes(4));
        break;
      case 2:
        out.splice(at, 1 + random.below(4));
        break;
      case 3:
        out.splice(at, 1, ...varint(random.big(64)));
        break;
      default:
        out = [...out.slice(0, at), ...out.slice(random.below(out.length + 1))];
    }
  }
  return Uint8Array.from(out);
}

test('noise is refused or read, and nothing else happens', () => {
  rounds('noise', (random) => {
    read(random.bytes(400));
    // The type of a real frame before the noise, so that its fields are reached.
    const body = random.bytes(120);
    read(concat([Uint8Array.of(0x11 + random.below(7)), varint(body.length), body]));
  });
});

test('lengths that were only announced reserve nothing', () => {
  for (const type of [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x80, 0xff]) {
    for (let bits = 1n; bits <= 64n; bits += 1n) {
      const bytes = concat([Uint8Array.of(type), varint((1n << bits) - 1n)]);
      assert.equal(read(bytes), null, `type ${type}, ${bits} bits`);
    }
  }
});

test('a message has as many frames as are allowed and not one more', () => {
  const ack = writeServer({ type: 'ack', applied: 0 });
  assert.equal(read(concat(new Array(SERVER_FRAMES_MAX).fill(ack)))?.length, SERVER_FRAMES_MAX);
  assert.equal(read(concat(new Array(SERVER_FRAMES_MAX + 1).fill(ack))), null);
});
