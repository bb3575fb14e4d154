import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { settle } from '../src/options.js';
import { browserHide, browserWake } from '../src/page.js';
import { defaultStorage, PageStorage } from '../src/storage.js';
import { FakeSocket } from './support/fake-socket.js';

const page = globalThis as Record<string, unknown>;
const names = [
  'document',
  'location',
  'sessionStorage',
  'WebSocket',
  'addEventListener',
  'removeEventListener',
];
const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);

/** Gives this process what a page has. */
function pretend(globals: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

afterEach(() => {
  for (const [name, descriptor] of before) {
    delete page[name];
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
  }
});

/** A target of DOM events. */
function target() {
  const events = new EventTarget();
  return {
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
    fire: (name: string) => events.dispatchEvent(new Event(name)),
  };
}

test('a page needs no address: it plays where it came from', () => {
  pretend({ location: { href: 'https://play.example/arena/?debug#x' }, WebSocket: FakeSocket });
  assert.equal(settle({ kind: 'arena' }).url, 'wss://play.example/play');
  assert.equal(settle({ kind: 'arena', url: 'other' }).url, 'wss://play.example/arena/other');
});

test('without a page there must be an address and a WebSocket', () => {
  delete page.WebSocket;
  assert.throws(() => settle({ kind: 'arena' }), /no WebSocket address/);
  assert.throws(() => settle({ kind: 'arena', url: 'ws://127.0.0.1/play' }), /no WebSocket here/);
});

test('a page keeps sessions in its sessionStorage', () => {
  pretend({ document: {}, sessionStorage: { getItem: (key: string) => `of ${key}` } });
  const storage = defaultStorage();
  assert.ok(storage instanceof PageStorage);
  assert.equal(storage.load('k'), 'of k');
});

test('a page wakes the client when the network or the player is back', () => {
  const window = target();
  const document = { ...target(), visibilityState: 'hidden' };
  pretend({ ...window, document });
  let woken = 0;
  const stop = browserWake(() => {
    woken += 1;
  });
  window.fire('online');
  assert.equal(woken, 1);
  document.fire('visibilitychange');
  assert.equal(woken, 1, 'hidden');
  document.visibilityState = 'visible';
  document.fire('visibilitychange');
  assert.equal(woken, 2);
  stop();
  window.fire('online');
  document.fire('visibilitychange');
  assert.equal(woken, 2);
});

test('a page says that it may go when it is left or hidden', () => {
  const window = target();
  const document = { ...target(), visibilityState: 'visible' };
  pretend({ ...window, document });
  let told = 0;
  const stop = browserHide(() => {
    told += 1;
  });
  window.fire('pagehide');
  assert.equal(told, 1);
  document.fire('visibilitychange');
  assert.equal(told, 1, 'visible');
  document.visibilityState = 'hidden';
  document.fire('visibilitychange');
  assert.equal(told, 2);
  stop();
  window.fire('pagehide');
  document.fire('visibilitychange');
  assert.equal(told, 2);
});
