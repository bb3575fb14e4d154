import assert from 'node:assert/strict';
import { test } from 'node:test';
import { event, view, World, welcome } from './support/world.js';

test('inputs that are not applied are sent again, and only those', () => {
  const world = new World();
  const socket = world.begin();
  for (const input of ['a', 'b', 'c', 'd']) world.room.send(input);
  socket.push({ type: 'ack', applied: 1 }, event(1));
  assert.deepEqual(world.heard(), ['applied 1', 'event 1 1']);
  socket.end(1006);
  assert.deepEqual(world.heardOf('state', 'end'), ['state resuming 1006']);
  assert.equal(world.room.socket, null);
  assert.equal(world.room.send('e'), 5);
  world.timers.pass(500);
  world.socket.open();
  const hello = world.socket.hello();
  assert.deepEqual([hello.history, hello.generation, hello.recv, hello.lo], [3, 2, 1, 2]);
  assert.equal(hello.token.length, 24);
  world.socket.push(welcome('resumed', { generation: 2, inNext: 3, eventSeq: 2 }), event(2));
  assert.deepEqual(world.socket.inputs(), [3, 4, 5]);
  assert.deepEqual(world.heard(), ['state open', 'welcome resumed r1', 'event 2 2']);
  assert.equal(world.room.pending, 4, 'received is not applied');
  world.socket.push({ type: 'ack', applied: 5 });
  assert.equal(world.room.pending, 0);
  assert.equal(world.room.applied, 5);
});

test('what was received but not applied is sent again after the server lost it', () => {
  const world = new World();
  world.begin();
  for (const input of ['a', 'b', 'c']) world.room.send(input);
  world.socket.end(1006);
  world.comeBack('resumed', { inNext: 4 });
  assert.deepEqual(world.socket.inputs(), []);
  world.socket.end(1006);
  world.comeBack('resumed', { inNext: 2 });
  assert.deepEqual(world.socket.inputs(), [2, 3]);
});

test('fresh: events go on where the server says and the gap is told', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(event(1), event(2));
  socket.end(4003, 'PLY-0101 busy');
  world.heard();
  world.comeBack('fresh', { eventSeq: 9, inNext: 1 }).push(view(9), event(10));
  assert.deepEqual(world.heardOf('gap', 'view', 'event', 'end'), [
    'gap {"reason":"fresh","missed":7,"lost":0,"dropped":0}',
    'view "as of 9" 9',
    'event 10 10',
  ]);
});

test('fresh in another history: nobody can say how much was missed, and numbers may go back', () => {
  const world = new World();
  const socket = world.begin();
  socket.push(event(1), event(2), event(3));
  socket.end(1006);
  world.heard();
  world.comeBack('fresh', { history: 4, eventSeq: 1 }).push(view(1), event(2));
  assert.deepEqual(world.heardOf('gap', 'view', 'event'), [
    'gap {"reason":"fresh","missed":null,"lost":0,"dropped":0}',
    'view "as of 1" 1',
    'event 2 2',
  ]);
  world.socket.end(1006);
  world.timers.pass(500);
  world.socket.open();
  assert.equal(world.socket.hello().history, 4);
});

test('inputs that the server lost are reported', () => {
  const world = new World();
  const socket = world.begin();
  for (const input of ['a', 'b', 'c']) world.room.send(input);
  socket.push({ type: 'ack', applied: 2 });
  socket.end(1006);
  world.heard();
  world.comeBack('fresh', { history: 4, inNext: 3, lost: 2 });
  assert.deepEqual(world.heardOf('gap'), ['gap {"reason":"fresh","missed":null,"lost":2,"dropped":0}']);
  assert.deepEqual(world.socket.inputs(), [3]);
  assert.equal(world.room.applied, 2);
});

test('a new token replaces the old one', () => {
  const world = new World();
  world.begin().end(1006);
  const token = new Uint8Array(24).fill(7);
  world.comeBack('fresh', { token }).end(1006);
  world.timers.pass(500);
  world.socket.open();
  assert.deepEqual(world.socket.hello().token, token);
});

test('an answer that fits no session begins a new one', () => {
  const cases = [
    welcome('resumed', { inNext: 0 }),
    welcome('resumed', { inNext: 9 }),
    welcome('resumed', { inNext: 1 }),
    welcome('watching'),
    welcome('new', { inNext: 2 }),
  ];
  for (const terms of cases) {
    const world = new World();
    const socket = world.begin();
    world.room.send('a');
    socket.push({ type: 'ack', applied: 1 });
    world.room.send('b');
    socket.end(1006);
    world.timers.pass(500);
    world.socket.open();
    world.socket.hello();
    world.heard();
    world.socket.push(terms);
    assert.equal(world.room.state, 'connecting');
    world.comeBack('new');
    assert.deepEqual(world.heardOf('end', 'gap'), [
      'gap {"reason":"afresh","missed":null,"lost":0,"dropped":1}',
    ]);
    assert.equal(world.room.send('c'), 3);
    assert.deepEqual(world.socket.inputs(), [1], 'a session counts from 1, the page goes on counting');
    world.socket.push({ type: 'ack', applied: 1 });
    assert.equal(world.room.applied, 3);
  }
});

test('leaving says goodbye and forgets the seat', () => {
  const world = new World();
  const socket = world.begin();
  world.room.leave();
  world.room.leave();
  assert.deepEqual(socket.said(), [{ type: 'bye' }]);
  assert.deepEqual(world.heard(), ['state ended 1000', 'end {"code":1000,"reason":"left","left":true}']);
  assert.equal(world.room.send('a'), false);
  socket.end(4904, 'PLY-0109 left');
  assert.equal(world.timers.size, 0, 'nothing is waited for');
  assert.equal(world.awake, 0);
  world.join();
  assert.equal(world.room.state, 'connecting');
});

test('detaching keeps the seat for later and ends nothing', () => {
  const world = new World();
  const socket = world.begin();
  world.room.detach();
  assert.deepEqual(socket.said(), []);
  assert.deepEqual(world.heard(), ['state ended']);
  assert.equal(world.timers.size, 0);
  world.join();
  assert.equal(world.room.state, 'resuming');
});

test('an input that was set aside is told once, by the number it has on this page', () => {
  const world = new World();
  const socket = world.begin();
  for (const input of ['a', 'b', 'c']) world.room.send(input);
  socket.push({ type: 'setAside', code: 127, inputs: [2] }, { type: 'ack', applied: 2 });
  assert.deepEqual(world.heard(), ['setAside [2] "PLY-0127"', 'applied 2']);
  // The server repeats it until a HELLO shows that it was heard.
  socket.push({ type: 'setAside', code: 127, inputs: [2, 3] });
  assert.deepEqual(world.heard(), ['setAside [3] "PLY-0127"']);
  world.join();
  world.socket.open();
  world.socket.hello();
  world.socket.push(welcome('fresh', { inNext: 4, generation: 2 }));
  world.heard();
  world.room.send('d');
  world.socket.push({ type: 'setAside', code: 127, inputs: [3, 4] }, { type: 'ack', applied: 4 });
  assert.deepEqual(world.heard(), ['setAside [1] "PLY-0127"', 'applied 1']);
});
