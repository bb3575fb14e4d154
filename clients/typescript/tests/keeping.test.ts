import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../src/storage.js';
import { World, welcome } from './support/world.js';

const KEY = 'k';

/** A page whose storage can be read, and which is told by hand that it may go. */
class Page {
  readonly values = new MemoryStorage();
  readonly world: World;
  hide: () => void = () => assert.fail('nobody wants to know that the page goes');
  listening = 0;

  constructor() {
    this.world = new World(this.options());
    this.world.begin();
  }

  options() {
    return {
      storage: this.values,
      key: KEY,
      hide: (going: () => void) => {
        this.hide = going;
        this.listening += 1;
        return () => {
          this.listening -= 1;
        };
      },
    };
  }

  /** The first input that is not known to be acknowledged, as a page that is loaded again would read it. */
  get lo(): number {
    return JSON.parse(this.values.load(KEY) ?? '{}').lo;
  }

  /** Sends a burst that is acknowledged in parts, all at once. */
  burst(): void {
    const { room, socket } = this.world;
    for (let seq = 1; seq <= 100; seq += 1) room.send(seq);
    for (const applied of [40, 70, 100]) socket.push({ type: 'ack', applied });
  }
}

test('what a burst acknowledged is kept when the time is up, although nothing more comes', () => {
  const page = new Page();
  page.burst();
  page.world.timers.pass(500);
  assert.equal(page.lo, 101);
});

test('what was acknowledged is kept when the socket ends, before the page hears of it', () => {
  const page = new Page();
  page.burst();
  let then = 0;
  page.world.room.on('state', () => {
    then = page.lo;
  });
  page.world.socket.end(1006);
  assert.equal(then, 101);
});

test('what was acknowledged is kept when the page may go', () => {
  const page = new Page();
  page.burst();
  assert.ok(page.lo < 101, 'not each time');
  page.hide();
  assert.equal(page.lo, 101);
  assert.equal(page.listening, 1);
});

test('a page that is loaded again after a burst and a crash tells all that it knew', () => {
  const page = new Page();
  page.burst();
  page.world.socket.end(1006);
  page.world.join(page.options());
  page.world.socket.open();
  assert.equal(page.world.socket.hello().lo, 101);
});

test('nothing is kept of a seat that was left, nor after its page has gone', () => {
  for (const over of ['leave', 'detach', 'stopped'] as const) {
    const page = new Page();
    page.burst();
    if (over === 'stopped') page.world.socket.end(4903);
    else page.world.room[over]();
    assert.equal(page.listening, 0, over);
    const kept = page.values.load(KEY);
    assert.equal(kept === null, over !== 'detach');
    page.world.timers.pass(1_000);
    page.hide();
    assert.equal(page.values.load(KEY), kept, over);
  }
});

test('a page that another one has taken over from leaves alone what that one keeps', () => {
  const page = new Page();
  page.burst();
  const saved = JSON.parse(page.values.load(KEY) ?? '{}');
  for (const newer of [
    { ...saved, generation: saved.generation + 1, lo: 103 },
    { ...saved, token: 'ab'.repeat(24), generation: 1, lo: 1 },
  ]) {
    const theirs = JSON.stringify(newer);
    page.values.save(KEY, theirs);
    page.hide();
    assert.equal(page.values.load(KEY), theirs);
    page.world.socket.push({ type: 'ack', applied: 100 });
    page.world.timers.pass(1_000);
    assert.equal(page.values.load(KEY), theirs);
  }
});

test('what is acknowledged of the page before is kept as well', () => {
  const page = new Page();
  page.burst();
  page.world.timers.pass(500);
  for (let seq = 101; seq <= 110; seq += 1) page.world.room.send(seq);
  page.world.join(page.options());
  const { socket } = page.world;
  socket.open();
  socket.push(welcome('resumed', { generation: 2, inNext: 111 }));
  assert.equal(page.lo, 101);
  socket.push({ type: 'ack', applied: 110 });
  page.hide();
  assert.equal(page.lo, 111);
});
