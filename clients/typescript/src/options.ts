import { BACKOFF_MS } from './backoff.js';
import { type Codec, json } from './codec.js';
import { DEFAULTS } from './constants.js';
import { socketUrl } from './mover.js';
import type { Coalesce } from './outbox.js';
import { browserHide, browserWake, type PageCalls } from './page.js';
import type { SocketConstructor } from './socket.js';
import { asStorage, defaultStorage, GuardedStorage, type Storage, type WebStorage } from './storage.js';
import { systemTimers, type Timers } from './timers.js';

/** Where to play, and how. Every option but `kind` has a default. */
export interface Options<Input = unknown> {
  /** Address of the server's WebSocket. Default: `/play` on the server the page came from; none in Node. */
  url?: string;
  /** The kind of room. */
  kind: string;
  /** The room's name within its kind; it is created if there is none. Default: empty, any open room. */
  name?: string;
  /** The room's id, a UUID, instead of a name. Default: none. */
  room?: string;
  /** What the player says about itself. Default: nothing. */
  profile?: unknown;
  /** How the room is made if it must be. Default: nothing. */
  params?: unknown;
  /** Look on instead of playing. Default: false. */
  watch?: boolean;
  /** Take views that are told by what differs from the one before: fewer bytes, and they are put together here. Default: true. */
  deltas?: boolean;
  /** Under which name the session is kept. Two rooms of one page need two. Default: made of address, kind and name. */
  key?: string;
  /**
   * Where the session is kept so that a reload finds it: three functions, or a `localStorage` itself. If it fails, the
   * room plays on without, and `onError` is told once. Default: `sessionStorage` in browsers, memory elsewhere.
   */
  storage?: Storage | WebStorage;
  /** How payloads are encoded. Default: JSON. */
  codec?: Codec;
  /** Inputs held until they are known to be applied. At the bound `send` refuses. Default: 256. */
  inputsMax?: number;
  /** Bytes of such inputs. At the bound `send` refuses. Default: 65,536. */
  inputsBytesMax?: number;
  /**
   * What happens to an input at one of these bounds: it is refused, or this function merges it with the inputs that
   * were never sent (it gets those and the new one, and returns what to send instead). Default: refused.
   */
  coalesce?: Coalesce<Input>;
  /** Events after which they are acknowledged at the latest. Default: 32. */
  ackEvery?: number;
  /** Milliseconds after which events are acknowledged, and what was acknowledged is written to `storage`, at the latest. Default: 500. */
  ackMs?: number;
  /** Milliseconds of silence after which a connection is given up. Default: 12,000. */
  deadMs?: number;
  /** How often the server may say "start afresh" (44xx) without a welcome in between; once more is the `end`. Default: 3. */
  afreshMax?: number;
  /** Longest wait before each retry, in milliseconds, the last one repeating. Default: `BACKOFF_MS`. */
  backoff?: readonly number[];
  /** Makes sockets. Default: the global `WebSocket`; Node 20 has none, pass that of `ws`. */
  WebSocket?: SocketConstructor;
  /** Clock and timers. Default: the system's. */
  timers?: Timers;
  /** Numbers from 0 up to but without 1. Default: `Math.random`. */
  random?: () => number;
  /** Tells when to try again at once. Default: the page's `online` and `visibilitychange`. */
  wake?: PageCalls;
  /** Tells when the page may go without another word. Default: the page's `pagehide`, and when it is hidden. */
  hide?: PageCalls;
  /** Gets what the page's own listeners throw, what cannot be decoded, and once that `storage` fails. Default: `reportError`, else `console.error`. */
  onError?: (error: unknown) => void;
}

/** Options with every default filled in. */
export type Settings<Input> = Required<Omit<Options<Input>, 'coalesce' | 'storage'>> &
  Pick<Options<Input>, 'coalesce'> & { readonly storage: Storage };

/** Fills the defaults in. Throws a `TypeError` about options that cannot work. */
export function settle<Input>(options: Options<Input>): Settings<Input> {
  const url = socketUrl(options.url ?? '/play', pageUrl());
  if (url === null) throw new TypeError(`playon: no WebSocket address: ${options.url ?? '(none given)'}`);
  const WebSocket = options.WebSocket ?? (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
  if (!WebSocket)
    throw new TypeError('playon: there is no WebSocket here; pass one, for example that of `ws`');
  const { kind, name = '', room = '', storage = defaultStorage() } = options;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return {
    profile: undefined,
    params: undefined,
    watch: false,
    deltas: true,
    key: `playon ${url} ${kind} ${room || name}`,
    codec: json,
    inputsMax: DEFAULTS.inputsMax,
    inputsBytesMax: DEFAULTS.inputsBytesMax,
    ackEvery: DEFAULTS.ackEvery,
    ackMs: DEFAULTS.ackMs,
    deadMs: DEFAULTS.deadMs,
    afreshMax: DEFAULTS.afreshMax,
    backoff: BACKOFF_MS,
    timers: systemTimers,
    random: Math.random,
    wake: browserWake,
    hide: browserHide,
    onError: report,
    ...given,
    storage: new GuardedStorage(asStorage(storage), options.onError ?? report),
    url,
    kind,
    name,
    room,
    WebSocket,
  };
}

function pageUrl(): string | undefined {
  return (globalThis as { location?: { href: string } }).location?.href;
}

function report(error: unknown): void {
  const { reportError } = globalThis as { reportError?: (error: unknown) => void };
  if (reportError) reportError(error);
  else console.error(error);
}
