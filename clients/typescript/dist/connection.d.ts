import { type ServerFrame, type Welcome } from './frames.js';
import type { Socket, SocketConstructor } from './socket.js';
import type { Timers } from './timers.js';
/** How a connection ended. `code` is 1006 when it was the client that gave it up. */
export interface Closed {
    readonly code: number;
    /** For people; the server's begins with a code `PLY-nnnn`. */
    readonly reason: string;
    /** The HTTP status with which no socket was granted, where that can be seen: by `ws`, and in no browser. */
    readonly status?: number;
    /** Milliseconds for which the server asks to be left alone (`Retry-After`), where that can be seen: as `status`. */
    readonly retryAfterMs?: number;
}
/** Whom a connection tells. */
export interface Listener {
    /** The socket is open; the HELLO to begin with. */
    hello(connection: Connection): Uint8Array;
    /** The HELLO was sent. */
    opened?(connection: Connection): void;
    /** The server answered. Nothing of the session came before. */
    welcomed(connection: Connection, terms: Welcome): void;
    /** A ping was answered after the welcome, with a frame of so many bytes. */
    ponged(bytes: number): void;
    /** A later frame, in the order they came; views are whole. */
    frame(connection: Connection, frame: ServerFrame): void;
    /** It is over, and nothing more will be told. */
    closed(connection: Connection, why: Closed): void;
}
/** What a connection needs of the world. */
export interface ConnectionOptions {
    readonly WebSocket: SocketConstructor;
    readonly timers: Timers;
    /** Its HELLO says that views may be told by what differs from the one before. */
    readonly deltas: boolean;
}
/**
 * One socket, from its opening to its end: speaks first, answers pings, notices silence, and gives up at the
 * first bytes it cannot read.
 */
export declare class Connection {
    #private;
    /** The socket itself. */
    readonly socket: Socket;
    /** Where it leads. */
    readonly url: string;
    /** What was said over it until it was welcomed, in frames and bytes. */
    readonly said: {
        frames: number;
        bytes: number;
    };
    /** When it was opened, by the timers' clock. */
    readonly since: number;
    /** Opens a socket to `url`. Throws what its constructor throws. */
    constructor(options: ConnectionOptions, url: string, listener: Listener, deadMs: number);
    /** When it last showed that it works: it was begun, it opened, or something was heard. By the timers' clock. */
    get alive(): number;
    /** The server asks for a sign of life after `pingMs` of silence: before that comes, silence means nothing. */
    expectPing(pingMs: number): void;
    /** What it hears from now on is told to another, who gives it up after `deadMs` of silence. */
    hand(listener: Listener, deadMs: number): void;
    /** Whether the HELLO is on its way. */
    get opened(): boolean;
    /** Sends frames; into nothing once the socket is closing. */
    send(message: Uint8Array): void;
    /** Closes it and reads no more of it; its listener hears nothing of that. */
    drop(reason?: string): void;
}
