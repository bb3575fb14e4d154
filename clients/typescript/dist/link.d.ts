import { type Closed, type ConnectionOptions } from './connection.js';
import { type CloseClass } from './constants.js';
import { type ServerFrame, type Welcome } from './frames.js';
import type { PageCalls } from './page.js';
import type { Socket } from './socket.js';
/** What a link needs of the world. */
export interface LinkOptions extends ConnectionOptions {
    readonly url: string;
    readonly random: () => number;
    readonly backoff: readonly number[];
    readonly deadMs: number;
    readonly afreshMax: number;
    readonly wake: PageCalls;
}
/** Whom a link serves. */
export interface LinkUser {
    /** A HELLO for a new socket. */
    hello(): Uint8Array;
    /** What a close means for the session. */
    order(why: Closed): CloseClass;
    /** The link is up, on a new socket, over which this was said so far; all others are closed. */
    up(terms: Welcome, said: {
        readonly frames: number;
        readonly bytes: number;
    }): void;
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
/**
 * The way to the server: at most one connection that is up, one on trial, and one that was on trial before.
 *
 * It retries with growing, random waits, goes to another address when asked to while the old connection plays on,
 * and reads close codes by their class. It knows nothing of what is said over it.
 */
export declare class Link {
    #private;
    constructor(options: LinkOptions, user: LinkUser);
    /** The socket that is up. */
    get socket(): Socket | null;
    /**
     * Says goodbye over those that have said HELLO and wait for a welcome, else over the one that is up, and is closed for
     * good. If there is a seat to give up, it is seen to in the background that the server hears of it.
     */
    part(seated: boolean): void;
    /** Sends frames over the connection that is up, else nowhere. */
    send(message: Uint8Array): void;
    /** Closes everything, for good. */
    stop(): void;
}
