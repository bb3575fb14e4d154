import assert from 'node:assert/strict';
import { join } from '../../src/client.js';
import type { Mode } from '../../src/constants.js';
import type { Welcome } from '../../src/frames.js';
import type { Options } from '../../src/options.js';
import type { Room, RoomEvents } from '../../src/room.js';
import { MemoryStorage, type Storage } from '../../src/storage.js';
import { FakeSocket } from './fake-socket.js';
import { FakeTimers } from './fake-timers.js';
import { bytes } from './wire.js';

export const HOME = 'ws://127.0.0.1:4000/play';
export const ROOM_ID = '30313233-3435-3637-3839-616263646566';

type AnyRoom = Room<unknown, unknown, unknown, unknown>;

/** The terms of a new session, with changes. */
export function welcome(mode: Mode, changes: Partial<Welcome> = {}): Welcome {
  return {
    type: 'welcome',
    proto: 1,
    mode,
    codec: 0,
    token:
      mode === 'new'
        ? Uint8Array.from([0, 0, 0, 0, 0, 0, 1, 2, ...new Uint8Array(16).fill(9)])
        : new Uint8Array(),
    room: new TextEncoder().encode('0123456789abcdef'),
    history: 3,
    generation: 1,
    inNext: 1,
    eventSeq: 0,
    lost: 0,
    ttlMs: 120_000,
    pingMs: 5_000,
    inputBytesMax: 16_384,
    inputsPendingMax: 256,
    framesPerSecond: 300,
    bytesPerSecond: 65_536,
    release: 'r1',
    ...changes,
  };
}

/** A room, and everything round it in the hands of a test. */
export class World {
  readonly timers = new FakeTimers();
  readonly sockets: FakeSocket[] = [];
  /** What listeners heard, as one line each. */
  readonly log: string[] = [];
  readonly errors: unknown[] = [];
  storage: Storage = new MemoryStorage();
  /** What the client's next random numbers are. */
  random = 0.5;
  wake: () => void = () => assert.fail('nobody waits to be woken');
  awake = 0;
  /** The next constructor of a socket throws. */
  refuseSockets = false;
  room: AnyRoom;

  constructor(options: Partial<Options> = {}) {
    this.room = this.join(options);
  }

  /** Another page: nothing is left of the one before but its storage. */
  join(options: Partial<Options> = {}): AnyRoom {
    const world = this;
    class WebSocket extends FakeSocket {
      constructor(url: string) {
        if (world.refuseSockets) throw new DOMException('forbidden', 'SecurityError');
        super(url);
        world.sockets.push(this);
      }
    }
    this.room = join<unknown>({
      url: HOME,
      kind: 'arena',
      storage: this.storage,
      WebSocket,
      timers: this.timers,
      random: () => this.random,
      wake: (again) => {
        this.awake += 1;
        this.wake = again;
        return () => {
          this.awake -= 1;
        };
      },
      onError: (error) => this.errors.push(error),
      ...options,
    });
    this.#listen();
    return this.room;
  }

  /** The newest socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    assert.ok(socket, 'no socket was opened');
    return socket;
  }

  /** Opens the newest socket and welcomes the client into a new session. */
  begin(changes: Partial<Welcome> = {}): FakeSocket {
    const { socket } = this;
    socket.open();
    socket.hello();
    socket.push(welcome('new', changes));
    socket.confirmed();
    this.heard();
    return socket;
  }

  /** Waits for the next socket, opens it and answers. */
  comeBack(mode: Mode, changes: Partial<Welcome> = {}): FakeSocket {
    const before = this.sockets.length;
    this.timers.pass(10_000);
    assert.equal(this.sockets.length, before + 1, 'one retry was expected');
    const { socket } = this;
    socket.open();
    socket.hello();
    socket.push(welcome(mode, changes));
    return socket;
  }

  /** What listeners heard since the last call. */
  heard(): string[] {
    return this.log.splice(0);
  }

  /** What listeners heard since the last call, of some kinds. */
  heardOf(...names: (keyof RoomEvents<unknown, unknown, unknown>)[]): string[] {
    return this.heard().filter((line) => names.some((name) => line.startsWith(`${name} `)));
  }

  #listen(): void {
    const names = ['event', 'view', 'now', 'applied', 'setAside', 'gap', 'end', 'retry'] as const;
    for (const name of names) {
      this.room.on(name, (...args: unknown[]) => {
        this.log.push([name, ...args.map((arg) => JSON.stringify(arg))].join(' '));
      });
    }
    this.room.on('state', (state, why) => this.log.push(`state ${state} ${why?.code ?? ''}`.trim()));
    this.room.on('welcome', ({ mode, release }) => this.log.push(`welcome ${mode} ${release}`));
  }
}

/** An event with its number as payload. */
export function event(seq: number) {
  return { type: 'event', seq, payload: bytes(seq) } as const;
}

/** A view. */
export function view(asOf: number, payload: unknown = `as of ${asOf}`) {
  return { type: 'view', asOf, base: 0, payload: bytes(payload) } as const;
}
