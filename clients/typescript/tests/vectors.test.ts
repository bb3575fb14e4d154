import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../src/bytes.js';
import { applyDelta } from '../src/delta.js';
import { FrameError } from '../src/frame-error.js';
import {
  decodeFrames,
  encodeAck,
  encodeBye,
  encodeHello,
  encodeInput,
  encodePong,
  type ServerFrame,
} from '../src/frames.js';
import { concat } from '../src/writer.js';
import { readClient, writeServer } from './support/wire.js';

/** A frame as the shared file spells it: byte strings in hexadecimal. */
type Fields = { type: string; [field: string]: unknown };

interface Message {
  name: string;
  from: 'client' | 'server';
  hex: string;
  frames: Fields[];
}

interface Delta {
  name: string;
  base: string;
  delta: string;
  view: string;
}

interface Vectors {
  messages: Message[];
  skipped: Message[];
  refused: Omit<Message, 'frames'>[];
  deltas: Delta[];
  deltas_refused: Omit<Delta, 'view'>[];
}

// Tests run in the package's folder.
const VECTORS: Vectors = JSON.parse(readFileSync('../../crates/playon-wire/vectors/player.json', 'utf8'));

/** The shared names of our own frames and fields. */
const NAMES: Record<string, string> = {
  hello: 'HELLO',
  input: 'IN',
  bye: 'BYE',
  pong: 'PONG',
  welcome: 'WELCOME',
  event: 'EVT',
  view: 'VIEW',
  now: 'NOW',
  ack: 'ACK',
  ping: 'PING',
  move: 'MOVE',
  setAside: 'SET_ASIDE',
};

/** One of our frames in the spelling of the shared file. */
function spell(frame: object): Fields {
  const fields = Object.entries(frame).map(([name, value]) => [
    name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
    value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? Number(value) : value,
  ]);
  const spelled: Fields = Object.fromEntries(fields);
  return { ...spelled, type: NAMES[spelled.type] ?? spelled.type };
}

function raw(hex: unknown): Uint8Array {
  const bytes = fromHex(String(hex));
  assert.ok(bytes, `not hexadecimal: ${hex}`);
  return bytes;
}

/** What our own writer makes of a client's frame. */
function encode(frame: Fields): Uint8Array {
  const field = (name: string) => frame[name] as never;
  switch (frame.type) {
    case 'HELLO':
      return encodeHello({
        protoMin: field('proto_min'),
        protoMax: field('proto_max'),
        watch: field('watch'),
        whole: field('whole'),
        deltas: field('deltas'),
        token: raw(frame.token),
        room: raw(frame.room),
        kind: field('kind'),
        name: field('name'),
        profile: raw(frame.profile),
        params: raw(frame.params),
        history: field('history'),
        generation: field('generation'),
        recv: field('recv'),
        lo: field('lo'),
      });
    case 'IN':
      return encodeInput(field('seq'), field('recv'), raw(frame.payload));
    case 'ACK':
      return encodeAck(field('recv'));
    case 'BYE':
      return encodeBye();
    case 'PONG':
      return encodePong(field('nonce'));
    default:
      throw new Error(`no frame of a client: ${frame.type}`);
  }
}

test('the shared messages of clients are what this client writes', () => {
  const messages = VECTORS.messages.filter(({ from }) => from === 'client');
  assert.ok(messages.length > 0);
  for (const { name, hex, frames } of messages) {
    assert.equal(toHex(concat(frames.map(encode))), hex, name);
    assert.equal(readClient(raw(hex)).length, frames.length, name);
  }
});

test('the shared messages of servers are read as they are meant', () => {
  const messages = [...VECTORS.messages, ...VECTORS.skipped].filter(({ from }) => from === 'server');
  const seen = new Set<string>();
  for (const { name, hex, frames } of messages) {
    assert.deepEqual(decodeFrames(raw(hex)).map(spell), frames, name);
    for (const { type } of frames) seen.add(type);
  }
  assert.deepEqual([...seen].sort(), ['ACK', 'EVT', 'MOVE', 'NOW', 'PING', 'SET_ASIDE', 'VIEW', 'WELCOME']);
});

test('the server of these tests writes what a real one does', () => {
  for (const { name, from, hex } of VECTORS.messages) {
    if (from !== 'server') continue;
    const frames: ServerFrame[] = decodeFrames(raw(hex));
    assert.equal(toHex(concat(frames.map(writeServer))), hex, name);
  }
});

test('what the shared file says must be refused is refused', () => {
  const messages = VECTORS.refused.filter(({ from }) => from === 'server');
  assert.ok(messages.length > 0);
  for (const { name, hex } of messages) assert.throws(() => decodeFrames(raw(hex)), FrameError, name);
});

test('the shared deltas make what they should', () => {
  assert.ok(VECTORS.deltas.length > 0);
  for (const { name, base, delta, view } of VECTORS.deltas)
    assert.equal(toHex(applyDelta(raw(base), raw(delta))), view, name);
});

test('deltas that the shared file says must be refused are refused', () => {
  assert.ok(VECTORS.deltas_refused.length > 0);
  for (const { name, base, delta } of VECTORS.deltas_refused)
    assert.throws(() => applyDelta(raw(base), raw(delta)), FrameError, name);
});
