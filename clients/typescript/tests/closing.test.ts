import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKOFF_MS } from '../src/backoff.js';
import { closeClass } from '../src/constants.js';
import { World, welcome } from './support/world.js';

const RESUME = [1000, 1001, 1005, 1006, 1011, 1012, 3000, 4000, 4003, 4008, 4099, 4100, 4399, 4500, 4800];

test('codes are read by their class', () => {
  for (const code of RESUME) assert.equal(closeClass(code), 'resume', String(code));
  for (const code of [4400, 4401, 4404, 4410, 4411, 4499]) assert.equal(closeClass(code), 'afresh');
  for (const code of [4900, 4901, 4904, 4999]) assert.equal(closeClass(code), 'stop');
});

test('no code of a broken connection, a deploy or a restart ends the room', () => {
  for (const code of RESUME) {
    const world = new World();
    world.begin().end(code, 'PLY-0100 restarting');
    assert.deepEqual(world.heardOf('state', 'end'), [`state resuming ${code}`]);
    world.comeBack('resumed');
    assert.deepEqual(world.heardOf('state', 'end'), ['state open']);
  }
});

test('44xx: a new session, and what became of the old one is told', () => {
  for (const code of [4401, 4404, 4410, 4411, 4477]) {
    const world = new World({ name: 'one', profile: 'Ann' });
    const socket = world.begin();
    world.room.send('a');
    world.room.send('b');
    socket.end(code, 'PLY-0111 no such session');
    assert.deepEqual(world.heardOf('state', 'end'), [`state connecting ${code}`]);
    assert.equal(world.room.session, null);
    world.timers.pass(500);
    world.socket.open();
    const hello = world.socket.hello();
    assert.deepEqual([hello.token.length, hello.room.length, hello.name], [0, 0, 'one']);
    assert.deepEqual([hello.history, hello.generation, hello.recv, hello.lo], [0, 1, 0, 1]);
    assert.ok(hello.profile.length > 0, 'a new player introduces itself');
    world.socket.push(welcome('new'));
    assert.deepEqual(world.heardOf('gap', 'end'), [
      'gap {"reason":"afresh","missed":null,"lost":0,"dropped":2}',
    ]);
    assert.deepEqual(
      world.socket.inputs(),
      [],
      'inputs meant for the old session are not sent to the new one',
    );
  }
});

test('44xx before there was a session loses nothing', () => {
  const world = new World();
  world.room.send('a');
  world.socket.open();
  world.socket.end(4411, 'PLY-0102 every seat is taken');
  world.comeBack('new');
  assert.deepEqual(world.heardOf('gap'), []);
  assert.deepEqual(world.socket.inputs(), [1]);
});

test('49xx: the end, told once, and nothing is tried again', () => {
  for (const code of [4900, 4902, 4903, 4904, 4907, 4999]) {
    const world = new World();
    world.begin().end(code, 'PLY-0103 the room has ended');
    assert.deepEqual(world.heard(), [
      `state ended ${code}`,
      `end {"code":${code},"reason":"PLY-0103 the room has ended","left":false}`,
    ]);
    world.timers.pass(60_000);
    assert.equal(world.sockets.length, 1);
    assert.equal(world.timers.size, 0);
    world.join();
    assert.equal(world.room.state, 'connecting', 'the seat is forgotten');
  }
});

test('a page that took over ends this one, but its seat is not forgotten', () => {
  const world = new World();
  world.begin().end(4901, 'PLY-0112 a newer connection holds this session');
  assert.equal(world.room.state, 'ended');
  world.join();
  assert.equal(world.room.state, 'resuming');
});

test('49xx to the HELLO ends the room too', () => {
  const world = new World();
  world.socket.open();
  world.socket.end(4902, 'PLY-0110 no');
  assert.deepEqual(world.heardOf('end'), ['end {"code":4902,"reason":"PLY-0110 no","left":false}']);
});

test('a room that ended before the page was loaded is not the end of the page', () => {
  const world = new World();
  world.begin();
  world.join();
  world.socket.open();
  world.socket.end(4903, 'PLY-0103 the room has ended');
  assert.deepEqual(world.heardOf('state', 'end'), ['state connecting 4903']);
  world.timers.pass(500);
  world.socket.open();
  assert.equal(world.socket.hello().token.length, 0);
  world.socket.end(4903, 'PLY-0103 the room has ended');
  assert.equal(world.room.state, 'ended', 'the room asked for by name has ended as well');
});

test('a payload codec that is not spoken ends the room', () => {
  const world = new World();
  world.socket.open();
  world.socket.push(welcome('new', { codec: 1 }));
  assert.deepEqual(world.heardOf('end'), [
    'end {"code":4900,"reason":"payload codec 1 is not spoken","left":false}',
  ]);
});

function waits(random: number, tries: number): number[] {
  const world = new World();
  world.random = random;
  world.begin();
  world.timers.pass(6_000);
  const before = world.timers.now();
  let last = before;
  return Array.from({ length: tries }, () => {
    const sockets = world.sockets.length;
    world.socket.end(1006);
    while (world.sockets.length === sockets) world.timers.pass(1);
    const wait = world.timers.now() - last;
    last = world.timers.now();
    return wait;
  });
}

test('retries wait a random part of a growing time', () => {
  assert.deepEqual(BACKOFF_MS, [500, 1_000, 2_000, 4_000, 8_000, 10_000]);
  assert.deepEqual(waits(0.999_999, 8), [499, 999, 1_999, 3_999, 7_999, 9_999, 9_999, 9_999]);
  assert.deepEqual(waits(0.5, 4), [250, 500, 1_000, 2_000]);
  assert.deepEqual(waits(0, 3), [1, 1, 1]);
});

test('a connection that lasted makes the next retry a first one, one that did not does not', () => {
  const world = new World();
  world.begin();
  const retries = () => world.heardOf('retry').map((line) => Number(line.split(' ').at(-1)));
  world.timers.pass(1_000);
  world.socket.end(1006);
  assert.deepEqual(retries(), [250]);
  world.comeBack('resumed');
  world.timers.pass(900);
  world.socket.end(1006);
  assert.deepEqual(retries(), [500]);
  world.comeBack('resumed');
  world.socket.push({ type: 'ping', nonce: 1 });
  world.timers.pass(5_000);
  world.socket.end(1006);
  assert.deepEqual(retries(), [250]);
});

test('a socket that cannot even be made is a failed try', () => {
  const world = new World();
  world.begin().end(1006);
  world.refuseSockets = true;
  world.heard();
  world.timers.pass(2_000);
  assert.deepEqual(world.heardOf('retry').length, 3, 'after 250, 750 and 1,750 ms');
  world.refuseSockets = false;
  world.comeBack('resumed');
  assert.equal(world.room.state, 'open');
});

test('a network that comes back is tried at once, and from the beginning', () => {
  const world = new World();
  world.begin();
  for (let tries = 0; tries < 5; tries += 1) {
    world.socket.end(1006);
    if (tries < 4) world.timers.pass(10_000);
  }
  world.heard();
  const sockets = world.sockets.length;
  world.wake();
  world.timers.pass(250);
  assert.equal(world.sockets.length, sockets + 1);
  world.wake();
  assert.equal(world.sockets.length, sockets + 1, 'a young try is left alone');
  world.timers.pass(2_000);
  world.wake();
  world.timers.pass(250);
  assert.equal(world.sockets.length, sockets + 2, 'one that hangs is replaced');
  world.socket.open();
  world.socket.push(welcome('resumed'));
  world.wake();
  world.timers.pass(500);
  assert.equal(world.sockets.length, sockets + 2, 'one that is up is left alone');
});
