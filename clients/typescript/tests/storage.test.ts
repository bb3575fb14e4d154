import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultStorage, MemoryStorage, PageStorage, type Storage } from '../src/storage.js';
import { World } from './support/world.js';

const FORBIDDEN = {
  getItem: () => {
    throw new DOMException('forbidden', 'SecurityError');
  },
  setItem: () => {
    throw new DOMException('full', 'QuotaExceededError');
  },
  removeItem: () => {
    throw new DOMException('forbidden', 'SecurityError');
  },
};

const throws = () => {
  throw new Error('no');
};

for (const [what, storage] of [
  ['that of a page that may not store', new PageStorage(FORBIDDEN)],
  ['a `localStorage` that may not be used', FORBIDDEN],
  ['one that throws at everything', { load: throws, save: throws, remove: throws }],
  ['one that is full', { load: () => null, save: throws, remove: () => {} }],
] as const) {
  test(`a room plays on without its storage, and says so once: ${what}`, () => {
    const world = new World({ storage });
    world.begin();
    assert.equal(world.room.state, 'open');
    assert.equal(world.room.send('a'), 1);
    world.socket.push({ type: 'ack', applied: 1 });
    world.timers.pass(1_000);
    world.socket.end(1006);
    world.comeBack('resumed', { inNext: 2 });
    assert.equal(world.room.state, 'open');
    assert.equal(world.errors.length, 1);
    assert.match(String(world.errors[0]), /playon: .*session/);
    world.room.leave();
    assert.equal(world.room.state, 'ended');
    assert.equal(world.errors.length, 1);
  });
}

test('a storage that answers later, or something else than text, is said to be of no use', async () => {
  for (const load of [() => Promise.resolve('{}'), () => 7]) {
    const storage = { load, save: () => {}, remove: () => {} } as unknown as Storage;
    const world = new World({ storage });
    world.begin();
    assert.match(String(world.errors), /text/);
  }
  const save = () => Promise.reject(new Error('full'));
  const world = new World({ storage: { load: () => null, save, remove: () => {} } as unknown as Storage });
  world.begin();
  await new Promise(setImmediate);
  assert.equal(world.errors.length, 1);
});

test('what is passed as a storage and is none is refused at once', () => {
  for (const storage of [7, 'localStorage', null, {}, { getItem: throws }, { load: throws, save: throws }]) {
    const options = { storage: storage as unknown as Storage };
    assert.throws(() => new World(options), { name: 'TypeError', message: /`storage`/ });
  }
});

test('`localStorage` itself will do', () => {
  const values = new Map<string, string>();
  const storage = {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
  const world = new World({ storage, key: 'k' });
  world.begin();
  assert.deepEqual([...values.keys()], ['k']);
  world.join({ storage, key: 'k' });
  assert.equal(world.room.state, 'resuming');
});

test('the storage of a page is used under the key of the room', () => {
  const values = new Map<string, string>();
  const storage = new PageStorage({
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  });
  const world = new World({ storage, name: 'one' });
  world.begin();
  assert.deepEqual([...values.keys()], ['playon ws://127.0.0.1:4000/play arena one']);
  assert.equal(JSON.parse([...values.values()][0] ?? '').token.length, 48);
  world.room.leave();
  assert.equal(values.size, 0);
});

test('outside of browsers two rooms share nothing', () => {
  assert.ok(defaultStorage() instanceof MemoryStorage);
  assert.notEqual(defaultStorage(), defaultStorage());
});
