import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../src/outbox.js';
import { Random } from './support/random.js';
import { World, welcome } from './support/world.js';

test('at 256 inputs that are not applied a further one is refused', () => {
  const world = new World();
  const socket = world.begin();
  for (let seq = 1; seq <= 256; seq += 1) assert.equal(world.room.send(seq), seq);
  assert.equal(world.room.send('one more'), false);
  assert.equal(world.room.pending, 256);
  socket.push({ type: 'ack', applied: 2 });
  assert.equal(world.room.send('a'), 257);
  assert.equal(world.room.send('b'), 258);
  assert.equal(world.room.send('c'), false);
});

test('at 64 KiB of inputs a further one is refused, and a smaller one may still fit', () => {
  const world = new World();
  const input = 'x'.repeat(16_000);
  for (let sent = 0; sent < 4; sent += 1) assert.notEqual(world.room.send(input), false);
  assert.equal(world.room.send(input), false);
  assert.equal(world.room.send('small'), 5);
});

test('an input larger than the server takes is refused aloud', () => {
  const world = new World();
  assert.throws(() => world.room.send('x'.repeat(16_384)), RangeError);
  world.begin({ inputBytesMax: 10 });
  assert.throws(() => world.room.send('x'.repeat(9)), RangeError);
  assert.equal(world.room.send('x'.repeat(8)), 1);
});

test('no more are sent unapplied than the server takes; the rest follows', () => {
  const world = new World();
  const socket = world.begin({ inputsPendingMax: 3 });
  for (let seq = 1; seq <= 5; seq += 1) world.room.send(seq);
  assert.deepEqual(socket.inputs(), [1, 2, 3]);
  socket.push({ type: 'ack', applied: 2 });
  assert.deepEqual(socket.inputs(), [4, 5]);
});

test('a long outage is made good in messages that the server takes', () => {
  const world = new World();
  world.begin().end(1006);
  for (let seq = 1; seq <= 256; seq += 1) world.room.send('x'.repeat(200));
  const socket = world.comeBack('resumed', { framesPerSecond: 0, bytesPerSecond: 0 });
  assert.deepEqual(
    socket.inputs(),
    Array.from({ length: 256 }, (_, at) => at + 1),
  );
  const [, ...messages] = socket.messages;
  assert.equal(messages.length, 8);
  assert.ok(messages.every((frames) => frames <= 32));
  socket.end(1006);
});

test('large inputs go in messages of 32 KiB at most', () => {
  const world = new World();
  for (let sent = 0; sent < 4; sent += 1) world.room.send('x'.repeat(15_000));
  const socket = world.begin({ bytesPerSecond: 0 });
  assert.deepEqual(socket.messages, [1, 2, 2]);
});

test('inputs that wait for a connection can be merged', () => {
  const world = new World({
    inputsMax: 3,
    coalesce: (waiting, next) => [...waiting.slice(0, -1), next],
  });
  world.begin();
  assert.equal(world.room.send('a'), 1);
  world.socket.end(1006);
  assert.equal(world.room.send('b'), 2);
  assert.equal(world.room.send('c'), 3);
  assert.equal(world.room.send('d'), 3, 'it takes the place of the last one');
  const socket = world.comeBack('resumed', { inNext: 2 });
  assert.deepEqual(
    socket.said().map((frame) => (frame.type === 'input' ? [frame.seq, frame.payload] : frame)),
    [
      [2, '"b"'],
      [3, '"d"'],
    ],
  );
  assert.equal(world.room.send('e'), false, 'what was sent cannot be changed');
});

test('merging into more than fits changes nothing', () => {
  const outbox = new Outbox<string>(2, 100);
  const payload = new Uint8Array(10);
  outbox.push('a', payload);
  outbox.push('b', payload);
  assert.equal(outbox.replaceWaiting(['a', 'b', 'c'], [payload, payload, payload]), false);
  assert.equal(outbox.replaceWaiting(['ab'], [new Uint8Array(101)]), false);
  assert.equal(outbox.replaceWaiting([], []), false);
  assert.deepEqual(outbox.waiting(), ['a', 'b']);
  assert.equal(outbox.bytes, 20);
  assert.equal(outbox.replaceWaiting(['ab'], [payload]), 1);
  assert.equal(outbox.bytes, 10);
});

test('an acknowledgement that is late or repeated is no news', () => {
  const world = new World();
  const socket = world.begin();
  for (const input of ['a', 'b']) world.room.send(input);
  for (const applied of [1, 1, 0, 2, 1]) socket.push({ type: 'ack', applied });
  assert.deepEqual(world.heardOf('applied'), ['applied 1', 'applied 2']);
});

test('random schedules: what is applied is what was sent, in order and once', () => {
  for (let seed = 1; seed <= 200; seed += 1) drive(seed);
});

/** A server that takes inputs in order, applies them late, and loses connections and what it has not applied. */
function drive(seed: number): void {
  const draw = mulberry(seed);
  const world = new World();
  const server = { received: 0, applied: 0, log: [] as string[] };
  const sent: string[] = [];
  let socket = world.begin();
  for (let step = 0; step < 300; step += 1) {
    const dice = draw();
    if (dice < 0.5) {
      const input = `${sent.length}`;
      if (world.room.send(input) !== false) sent.push(JSON.stringify(input));
    } else if (dice < 0.8) {
      server.applied += Math.floor(draw() * (server.received - server.applied + 1));
      if (draw() < 0.7) socket.push({ type: 'ack', applied: server.applied });
    } else if (dice < 0.9) {
      socket.end(1006);
      if (draw() < 0.5) {
        server.received = server.applied;
        server.log.length = server.applied;
      }
      socket = world.comeBack(draw() < 0.5 ? 'resumed' : 'fresh', { inNext: server.received + 1 });
    }
    for (const frame of socket.said()) {
      if (frame.type !== 'input' || frame.seq <= server.received) continue;
      assert.equal(frame.seq, server.received + 1, `seed ${seed}: a gap`);
      server.received = frame.seq;
      server.log.push(frame.payload);
    }
  }
  assert.deepEqual(server.log, sent, `seed ${seed}`);
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test('terms that leave no inputs in flight hold everything back', () => {
  const world = new World();
  world.socket.open();
  world.socket.hello();
  world.socket.push(welcome('new', { inputsPendingMax: 0 }));
  assert.equal(world.room.send('a'), 1);
  assert.deepEqual(world.socket.inputs(), []);
});

test('whatever the server takes from time to time, each input is applied once and in order, or refused', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = new Random(seed);
    const upTo = (most: number) => random.below(most);
    const outbox = new Outbox<number>(64, 1_000);
    const made: number[] = [];
    const refused: number[] = [];
    /** What the server has applied, and what of it the client knows. */
    let applied: number[] = [];
    let known = 0;
    let max = 9;
    const flush = (most: number) => {
      for (let next = outbox.nextUnsent(16); next && most > 0; next = outbox.nextUnsent(16), most -= 1) {
        if (next.payload.length > max) {
          outbox.refuse(next.seq);
          refused.push(next.seq);
        } else {
          assert.equal(outbox.wire(next.seq), applied.length + 1, `seed ${seed}`);
          applied.push(next.seq);
          outbox.markSent(next.seq);
        }
      }
    };
    const acknowledge = () => {
      known += upTo(applied.length - known + 1);
      assert.notEqual(outbox.ack(known), null, `seed ${seed}`);
    };
    outbox.anchor(1, 1);
    for (let step = 0; step < 120; step += 1) {
      const what = upTo(4);
      if (what === 0) acknowledge();
      else if (what === 1) flush(upTo(4));
      else if (what === 2) {
        const seq = outbox.push(step, new Uint8Array(upTo(10)));
        if (seq !== false) made.push(seq);
      } else {
        // The server comes back without some of what it had not acknowledged, and takes more or less than before.
        applied = applied.slice(0, known + upTo(applied.length - known + 1));
        max = 3 + upTo(7);
        assert.ok(outbox.possible(applied.length + 1), `seed ${seed}`);
        outbox.rewind(applied.length + 1);
      }
    }
    while (outbox.size > 0) {
      flush(64);
      known = applied.length;
      outbox.ack(known);
    }
    assert.deepEqual(
      [...applied, ...refused].sort((a, b) => a - b),
      made,
      `seed ${seed}`,
    );
    assert.deepEqual(
      [...applied].sort((a, b) => a - b),
      applied,
      `seed ${seed}`,
    );
    assert.equal(outbox.applied, made.length, `seed ${seed}`);
    assert.equal(outbox.lo, applied.length + 1, `seed ${seed}`);
  }
});
