import { Backoff } from './backoff.js';
import { type Closed, Connection } from './connection.js';
import { CLOSE, type CloseClass, closeClass, DEFAULTS } from './constants.js';
import type { ServerFrame, Welcome } from './frames.js';
import { Mover } from './mover.js';
import type { Socket, SocketConstructor } from './socket.js';
import type { Timers } from './timers.js';
import type { Wake } from './wake.js';

/** What a link needs of the world. */
export interface LinkOptions {
  readonly url: string;
  readonly WebSocket: SocketConstructor;
  readonly timers: Timers;
  readonly random: () => number;
  readonly backoff: readonly number[];
  readonly deadMs: number;
  readonly afreshMax: number;
  readonly wake: Wake;
}

/** Whom a link serves. */
export interface LinkUser {
  /** A HELLO for a new socket. */
  hello(): Uint8Array;
  /** What a close means for the session. */
  order(why: Closed): CloseClass;
  /** The link is up, on a new socket, over which this was said so far; all others are closed. */
  up(terms: Welcome, said: { readonly frames: number; readonly bytes: number }): void;
  /** A ping was answered, with a frame of so many bytes. */
  ponged(bytes: number): void;
  /** A frame of the socket that is up. */
  frame(frame: ServerFrame): void;
  /** The link is down and comes back by itself. */
  down(why: Closed): void;
  /** The session is not known any more; the link comes back by itself and wants a HELLO of a new one. */
  afresh(why: Closed): void;
  /** After `down` or `afresh`: the next try is this many milliseconds away. */
  retry(why: Closed, ms: number): void;
  /** The server said to stop. The link does nothing any more. */
  ended(why: Closed): void;
}

/** How long a socket may take to open before a wake-up call replaces it, in milliseconds. */
const PATIENCE_MS = 2_000;

/**
 * The way to the server: at most one connection that is up and one on trial.
 *
 * It retries with growing, random waits, goes to another address when asked to while the old connection plays on,
 * and reads close codes by their class. It knows nothing of what is said over it.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #user: LinkUser;
  readonly #backoff: Backoff;
  readonly #mover: Mover;
  readonly #unwake: () => void;
  /** Where to connect: the address given, or the one last moved to. */
  #url: string;
  #current: Connection | null = null;
  #trial: Connection | null = null;
  #upSince = 0;
  /** Sessions given up since the last welcome. */
  #afresh = 0;
  #retry: unknown = null;
  #probing: unknown = null;
  #over = false;

  constructor(options: LinkOptions, user: LinkUser) {
    this.#options = options;
    this.#user = user;
    this.#url = options.url;
    this.#backoff = new Backoff(options.backoff, options.random);
    const moves = new Backoff(options.backoff, options.random);
    this.#mover = new Mover(
      options.timers,
      options.random,
      moves,
      (url) => {
        if (this.#current) this.#dial(url);
      },
      () => this.#keepOld(),
    );
    this.#unwake = options.wake(() => this.#wake());
    this.#dial(this.#url);
  }

  /** The socket that is up. */
  get socket(): Socket | null {
    return this.#current?.socket ?? null;
  }

  /** Sends frames over the newest connection that has said HELLO, welcomed or not: the last words. */
  part(message: Uint8Array): void {
    if (this.#trial?.opened) this.#trial.send(message);
    else this.#current?.send(message);
  }

  /** Sends frames over the connection that is up, else nowhere. */
  send(message: Uint8Array): void {
    this.#current?.send(message);
  }

  /** Closes everything, for good. */
  stop(): void {
    this.#over = true;
    this.#unwake();
    this.#mover.stop();
    this.#clearRetry();
    this.#clearProbe();
    this.#current?.drop();
    this.#trial?.drop();
    this.#current = null;
    this.#trial = null;
  }

  #dial(url: string): void {
    const { WebSocket, timers, deadMs } = this.#options;
    const listener = {
      hello: () => this.#user.hello(),
      welcomed: (connection: Connection, terms: Welcome) => this.#welcomed(connection, terms),
      ponged: (bytes: number) => this.#user.ponged(bytes),
      frame: (connection: Connection, frame: ServerFrame) => this.#frame(connection, frame),
      closed: (connection: Connection, why: Closed) => this.#closed(connection, why),
    };
    this.#trial?.drop();
    try {
      this.#trial = new Connection(WebSocket, url, listener, timers, deadMs);
    } catch (error) {
      this.#trial = null;
      this.#failed({ code: CLOSE.broken, reason: String(error) });
    }
  }

  #welcomed(connection: Connection, terms: Welcome): void {
    // What the old connection still holds is not read: the new one begins where the server says.
    const old = this.#current;
    if (connection === this.#trial) this.#trial = null;
    this.#current = connection;
    this.#url = connection.url;
    this.#upSince = this.#options.timers.now();
    this.#mover.stop();
    this.#clearProbe();
    connection.expectPing(terms.pingMs);
    old?.drop();
    // Throws at terms that make no sense.
    this.#user.up(terms, connection.said);
    this.#afresh = 0;
  }

  #frame(connection: Connection, frame: ServerFrame): void {
    if (frame.type === 'move') this.#mover.begin(frame, connection.url);
    else this.#user.frame(frame);
  }

  #closed(connection: Connection, why: Closed): void {
    if (connection === this.#trial) {
      this.#trial = null;
      this.#failed(why);
    } else if (connection === this.#current) {
      this.#current = null;
      this.#clearProbe();
      if (this.#options.timers.now() - this.#upSince >= DEFAULTS.stableMs) this.#backoff.reset();
      const ours = this.#trial?.opened === true && why.code === CLOSE.replaced;
      if (!this.#trial) this.#settle(why);
      // A newer socket took over, and it is our own: its welcome is on the way.
      else if (ours || closeClass(why.code) === 'resume') this.#user.down(why);
      else this.#settle(why);
    }
  }

  /** The connection on trial came to nothing. */
  #failed(why: Closed): void {
    if (this.#current) this.#mover.failed();
    else this.#settle(why);
  }

  /** Nothing is up: does what the close code's class asks. */
  #settle(why: Closed): void {
    this.#trial?.drop();
    this.#trial = null;
    const order = this.#user.order(why);
    // No welcome in between: whoever asks is told, rather than the server asked for ever.
    const refused = order === 'afresh' && this.#afresh >= this.#options.afreshMax;
    if (order === 'stop' || refused) {
      this.stop();
      this.#user.ended(why);
      return;
    }
    if (order === 'afresh') this.#afresh += 1;
    const ms = this.#backoff.next();
    this.#later(ms);
    if (order === 'afresh') this.#user.afresh(why);
    else this.#user.down(why);
    if (!this.#over) this.#user.retry(why, ms);
  }

  #later(ms: number): void {
    this.#clearRetry();
    this.#retry = this.#options.timers.set(() => {
      this.#retry = null;
      this.#dial(this.#nextUrl());
    }, ms);
  }

  /** Where the server wants us, then the address we were at, and the one given at every other try. */
  #nextUrl(): string {
    const url = this.#backoff.attempts % 2 === 0 ? this.#options.url : (this.#mover.url ?? this.#url);
    this.#mover.stop();
    return url;
  }

  #clearRetry(): void {
    if (this.#retry !== null) this.#options.timers.clear(this.#retry);
    this.#retry = null;
  }

  /** The change-over did not come about in time. */
  #keepOld(): void {
    if (!this.#current) return;
    this.#trial?.drop();
    this.#trial = null;
  }

  /**
   * The network may be another one, and then nothing comes over the old connection any more: if nothing comes for a
   * moment, a second one is tried, and the old one goes on unless that is welcomed.
   */
  #probe(current: Connection): void {
    const { timers } = this.#options;
    this.#clearProbe();
    const asked = timers.now();
    this.#probing = timers.set(() => {
      this.#probing = null;
      const silent = this.#current === current && current.heard < asked;
      if (silent && !this.#trial) this.#dial(this.#url);
    }, DEFAULTS.probeMs);
  }

  #clearProbe(): void {
    if (this.#probing !== null) this.#options.timers.clear(this.#probing);
    this.#probing = null;
  }

  /** The network is back or the page is looked at: what is waited for is tried at once, or nearly. */
  #wake(): void {
    if (this.#over) return;
    if (this.#current) {
      this.#probe(this.#current);
      return;
    }
    const { timers } = this.#options;
    if (this.#trial && (this.#trial.opened || timers.now() - this.#trial.since < PATIENCE_MS)) return;
    this.#trial?.drop();
    this.#trial = null;
    this.#backoff.reset();
    this.#later(this.#backoff.next());
  }
}
