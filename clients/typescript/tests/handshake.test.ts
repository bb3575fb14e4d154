import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../src/storage.js';
import { event, HOME, ROOM_ID, view, World, welcome } from './support/world.js';

const text = new TextDecoder();

test('the first socket says what it wants and nothing of a session', () => {
  const world = new World({ name: 'one', profile: { name: 'Ann' }, params: { size: 3 } });
  assert.equal(world.room.state, 'connecting');
  assert.equal(world.socket.url, HOME);
  assert.equal(world.socket.binaryType, 'arraybuffer');
  assert.deepEqual(world.socket.said(), [], 'nothing is said before the socket is open');
  world.socket.open();
  const { profile, params, ...hello } = world.socket.hello();
  assert.equal(text.decode(profile), '{"name":"Ann"}');
  assert.equal(text.decode(params), '{"size":3}');
  assert.deepEqual(hello, {
    type: 'hello',
    protoMin: 1,
    protoMax: 1,
    watch: false,
    whole: false,
    deltas: true,
    token: new Uint8Array(),
    room: new Uint8Array(),
    kind: 'arena',
    name: 'one',
    history: 0,
    generation: 1,
    recv: 0,
    lo: 1,
  });
});

test('the welcome opens the room', () => {
  const world = new World();
  world.socket.open();
  world.socket.push(welcome('new'));
  assert.deepEqual(world.heard(), ['state open', 'welcome new r1']);
  assert.equal(world.room.state, 'open');
  assert.equal(world.room.session, 0x102);
  assert.equal(world.room.roomId, ROOM_ID);
  assert.equal(world.room.release, 'r1');
  assert.equal(world.room.socket, world.socket);
});

test('inputs sent before the welcome follow it', () => {
  const world = new World();
  assert.equal(world.room.send('a'), 1);
  assert.equal(world.room.send('b'), 2);
  world.socket.open();
  world.socket.hello();
  world.socket.push(welcome('new'));
  assert.deepEqual(world.socket.messages, [1, 2], 'both go in one message');
  assert.deepEqual(world.socket.said(), [
    { type: 'input', seq: 1, recv: 0, payload: '"a"' },
    { type: 'input', seq: 2, recv: 0, payload: '"b"' },
  ]);
  assert.equal(world.room.send('c'), 3);
  assert.deepEqual(world.socket.inputs(), [3]);
});

test('a room may be named by its id', () => {
  const world = new World({ room: ROOM_ID });
  world.socket.open();
  assert.equal(text.decode(world.socket.hello().room), '0123456789abcdef');
});

test('a reloaded page takes its seat again and asks for the whole view', () => {
  const world = new World();
  const socket = world.begin();
  world.room.send('a');
  socket.push(event(1), event(2), { type: 'ack', applied: 1 });
  world.timers.clear(null);
  const other = world.join();
  assert.equal(other.state, 'resuming');
  world.socket.open();
  const hello = world.socket.hello();
  assert.equal(hello.token.length, 24);
  assert.equal(hello.room.length, 16);
  assert.equal(hello.profile.length, 0);
  assert.deepEqual([hello.history, hello.generation, hello.recv, hello.lo], [3, 2, 0, 1]);
  assert.ok(hello.whole);
  world.heard();
  world.socket.push(welcome('fresh', { generation: 2, inNext: 2, eventSeq: 2 }), view(2));
  assert.deepEqual(world.heard(), ['state open', 'welcome fresh r1', 'view "as of 2" 2']);
  assert.equal(other.session, 0x102);
  assert.equal(other.send('b'), 1, 'numbers are those of the page');
  assert.deepEqual(world.socket.inputs(), [2], 'the session goes on counting');
  world.socket.push({ type: 'ack', applied: 2 });
  assert.equal(other.applied, 1);
});

test('inputs sent while a reloaded page resumes are numbered by the session', () => {
  const world = new World();
  world.begin();
  const other = world.join();
  other.send('a');
  world.socket.open();
  world.socket.hello();
  world.socket.push(welcome('fresh', { generation: 2, inNext: 41 }));
  assert.deepEqual(world.socket.inputs(), [41]);
});

test('every socket raises the generation, also across reloads', () => {
  const world = new World();
  world.begin();
  for (const generation of [2, 3, 4]) {
    world.join();
    world.socket.open();
    assert.equal(world.socket.hello().generation, generation);
  }
});

test('a stored session that cannot be read is passed over', () => {
  for (const saved of ['', '{', 'null', '[]', '{"token":"00"}', '{"token":"zz","room":1,"generation":-1}']) {
    const storage = new MemoryStorage();
    storage.save('k', saved);
    const world = new World({ storage, key: 'k' });
    assert.equal(world.room.state, 'connecting', saved);
    world.socket.open();
    assert.equal(world.socket.hello().token.length, 0);
  }
});

test('a spectator looks on, sends nothing and comes back to the same room', () => {
  const world = new World({ watch: true });
  world.socket.open();
  assert.equal(world.socket.hello().watch, true);
  world.socket.push(welcome('watching', { eventSeq: 7, inNext: 0 }), view(7), event(8));
  assert.deepEqual(world.heardOf('view', 'event', 'gap'), ['view "as of 7" 7', 'event 8 8']);
  assert.equal(world.room.send('a'), false);
  assert.equal(world.room.session, null);
  world.socket.end(1006);
  assert.equal(world.room.state, 'connecting');
  world.timers.pass(500);
  world.socket.open();
  const hello = world.socket.hello();
  assert.equal(hello.watch, true);
  assert.equal(text.decode(hello.room), '0123456789abcdef');
});

test('options that cannot work are refused at once', () => {
  assert.throws(() => new World({ url: 'ftp://127.0.0.1/' }), TypeError);
  assert.throws(() => new World({ room: 'lobby' }), TypeError);
});

test('an address of http means ws, and an undefined option its default', () => {
  const world = new World({
    url: 'https://play.example/play',
    name: undefined as never,
    deadMs: undefined as never,
  });
  assert.equal(world.socket.url, 'wss://play.example/play');
  world.begin();
});
