import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultStorage, MemoryStorage, PageStorage } from '../src/storage.js';
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

test('a page that may not store plays on', () => {
  const world = new World({ storage: new PageStorage(FORBIDDEN) });
  world.begin();
  assert.equal(world.room.state, 'open');
  world.room.leave();
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
