import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex } from '../src/bytes.js';
import type { Mode } from '../src/constants.js';
import type { ServerFrame, Welcome } from '../src/frames.js';
import type { Gap } from '../src/session.js';
import { concat } from '../src/writer.js';
import type { FakeSocket } from './support/fake-socket.js';
import { type ClientFrame, writeServer } from './support/wire.js';
import { event, view, World, welcome } from './support/world.js';

type Fields = { readonly type: string; readonly [field: string]: unknown };
type Step = { readonly [step: string]: unknown; readonly frames?: Fields[] };
interface Script {
  readonly name: string;
  readonly watch?: boolean;
  readonly steps: Step[];
}

// Tests run in the package's folder.
const { scripts }: { scripts: Script[] } = JSON.parse(
  readFileSync('../../crates/playon-wire/vectors/sessions.json', 'utf8'),
);

const snake = (name: string) => name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
const TYPES: Record<string, string> = { hello: 'HELLO', input: 'IN', ack: 'ACK', bye: 'BYE', pong: 'PONG' };

function digits(hex: unknown): Uint8Array {
  const bytes = fromHex(String(hex));
  assert.ok(bytes, `not hexadecimal: ${hex}`);
  return bytes;
}

/** A frame of the keeper, from its fields in the shared spelling. */
function spoken(fields: Fields): ServerFrame {
  const number = (name: string) => Number(fields[name] ?? 0);
  switch (fields.type) {
    case 'WELCOME': {
      const given = (name: string, ours: keyof Welcome) =>
        fields[name] === undefined ? {} : { [ours]: fields[name] };
      return welcome(fields.mode as Mode, {
        inNext: number('in_next'),
        eventSeq: number('event_seq'),
        ...given('history', 'history'),
        ...given('lost', 'lost'),
        ...given('ping_ms', 'pingMs'),
        ...given('proto', 'proto'),
        ...given('codec', 'codec'),
        ...given('frames_per_second', 'framesPerSecond'),
        ...given('bytes_per_second', 'bytesPerSecond'),
        ...given('inputs_pending_max', 'inputsPendingMax'),
        ...given('input_bytes_max', 'inputBytesMax'),
        ...(fields.known === false ? { token: new Uint8Array() } : {}),
        ...given('generation', 'generation'),
      });
    }
    case 'EVT':
      return event(number('seq'));
    case 'VIEW':
      return {
        ...view(number('as_of')),
        base: number('base'),
        ...(fields.payload === undefined ? {} : { payload: digits(fields.payload) }),
      };
    case 'ACK':
      return { type: 'ack', applied: number('applied') };
    case 'PING':
      return { type: 'ping', nonce: number('nonce') };
    case 'SET_ASIDE':
      return { type: 'setAside', code: number('code'), inputs: fields.inputs as number[] };
    case 'MOVE':
      return {
        type: 'move',
        url: String(fields.url),
        ticket: new Uint8Array(),
        windowMs: number('window_ms'),
        deadlineMs: number('deadline_ms'),
      };
    default:
      throw new Error(`no frame of a keeper: ${fields.type}`);
  }
}

/** What the client said, as far as the script names its fields. */
function likened(said: ClientFrame, fields: Fields | undefined): Fields {
  const spelled: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(said)) spelled[snake(name)] = value;
  spelled.type = TYPES[said.type];
  if (said.type === 'hello') {
    spelled.known = said.token.length > 0;
    spelled.room = said.room.length > 0;
  }
  const names = Object.keys(fields ?? { type: '' });
  return Object.fromEntries(names.map((name) => [name, spelled[name]])) as Fields;
}

/** What a player was told, in the words that all clients share. */
function listen(world: World, told: string[]): void {
  const { room } = world;
  room.on('event', (_, seq) => told.push(`event ${seq}`));
  room.on('view', (_, asOf) => told.push(`view ${asOf}`));
  room.on('applied', (seq) => told.push(`applied ${seq}`));
  room.on('setAside', (seqs) => told.push(`set aside ${seqs.join(' ')}`));
  room.on('end', ({ code, status, left }) => {
    if (left) told.push('left');
    else told.push(status === undefined ? `ended ${code}` : `refused ${status}`);
  });
  room.on('gap', (gap: Gap) => {
    if (gap.reason !== 'afresh' && gap.missed !== 0) told.push(`gap ${gap.missed ?? '?'}`);
    if (gap.lost + gap.dropped > 0) told.push(`lost ${gap.lost + gap.dropped}`);
  });
}

/** A message of the keeper. */
function message(frames: Fields[]): Uint8Array {
  const bytes = (fields: Fields) =>
    fields.hex === undefined ? writeServer(spoken(fields)) : digits(fields.hex);
  return concat(frames.map(bytes));
}

/** Whether a number is within the bounds that a step names. */
function within(step: Step, what: string, is: number): boolean {
  return (
    is >= Number(step[`${what}_min`] ?? 0) && is <= Number(step[`${what}_max`] ?? Number.MAX_SAFE_INTEGER)
  );
}

function run({ steps, watch = false }: Script): void {
  const told: string[] = [];
  const world = new World({ watch });
  listen(world, told);
  const socket = (n: unknown): FakeSocket => {
    const found = world.sockets[Number(n) - 1];
    assert.ok(found, `socket ${n} was not made`);
    return found;
  };
  steps.forEach((step, at) => {
    const where = `step ${at}: ${JSON.stringify(step)}`;
    if (step.open !== undefined) socket(step.open).open();
    if (step.say !== undefined) socket(step.say).pushRaw(message(step.frames ?? []));
    if (step.http !== undefined) socket(step.close).refuse(Number(step.http));
    else if (step.close !== undefined) socket(step.close).end(Number(step.code) || 1006);
    if (step.network !== undefined && world.awake > 0) world.wake();
    if (step.pass !== undefined) world.timers.pass(Number(step.pass));
    // A digit, and with the quotes of JSON as many bytes as are asked for.
    const input = step.bytes === undefined ? 1 : 'x'.repeat(Number(step.bytes) - 2);
    for (let n = 0; n < Number(step.send ?? 0); n += 1) assert.notEqual(world.room.send(input), false, where);
    if (step.leave !== undefined) world.room.leave();
    if (step.reload !== undefined) {
      world.join({ watch });
      told.length = 0;
      listen(world, told);
    }
    if (step.wrote !== undefined) {
      const said = socket(step.wrote).said();
      const frames = step.frames ?? [];
      assert.deepEqual(
        said.map((frame, n) => likened(frame, frames[n])),
        frames,
        where,
      );
    }
    if (step.weighed !== undefined) {
      const { messages, bytes } = socket(step.weighed);
      const frames = messages.reduce((all, one) => all + one, 0);
      const fits = within(step, 'frames', frames) && within(step, 'bytes', bytes);
      assert.ok(fits, `${frames} frames of ${bytes} bytes: ${where}`);
    }
    if (step.sockets !== undefined) assert.equal(world.sockets.length, step.sockets, where);
    if (step.state !== undefined) {
      const state = world.room.state === 'connecting' ? 'joining' : world.room.state;
      assert.equal(state, step.state, where);
    }
    if (step.shown !== undefined) assert.deepEqual(world.room.view, step.shown, where);
    if (step.told !== undefined) assert.deepEqual(told.splice(0), step.told, where);
  });
}

for (const script of scripts) test(`shared script: ${script.name}`, () => run(script));
