/** The versions of the player protocol this client speaks, both ends included. */
export declare const PROTOCOL: {
    readonly min: 1;
    readonly max: 1;
};
/** The last generation of a session's sockets: 2^53 - 1 is none. */
export declare const GENERATION_MAX: number;
/** Where a room's connection stands. */
export declare const STATES: readonly ['connecting', 'open', 'resuming', 'ended'];
/**
 * Where a room's connection stands.
 *
 * - `connecting`: there is no session yet, or the server no longer knows it.
 * - `open`: inputs and events flow.
 * - `resuming`: the socket is gone, the seat is kept, and the client is on its way back.
 * - `ended`: over for good, by the server's word or by `leave()`/`detach()`.
 */
export type State = (typeof STATES)[number];
/** How the server answered a HELLO, by the number on the wire. */
export declare const MODES: readonly ['new', 'resumed', 'fresh', 'watching'];
/**
 * How the server answered.
 *
 * - `new`: a new session.
 * - `resumed`: everything goes on where it was; missed events follow.
 * - `fresh`: the same seat, but missed events cannot be sent; a whole view follows.
 * - `watching`: a spectator.
 */
export type Mode = (typeof MODES)[number];
/** What a close code asks of the client. New codes fall into old classes. */
export type CloseClass = 'resume' | 'afresh' | 'stop';
/** 44xx: start afresh. 49xx: stop. Everything else, known or not: reconnect and resume. */
export declare function closeClass(code: number): CloseClass;
/**
 * HTTP statuses with which a server says that it will not have this client: a page of that origin, at that address,
 * of that version. They do not pass by themselves.
 */
export declare const REFUSALS: readonly number[];
/** Close codes the client itself looks at; every other code is known by its class only. */
export declare const CLOSE: {
    /** Ended by `leave()`. */
    readonly normal: 1000;
    /** The connection broke, or the client gave it up. */
    readonly broken: 1006;
    /** The session is not known; also what a welcome that makes no sense counts as. */
    readonly unknownSession: 4401;
    /** No common protocol version or payload codec. */
    readonly version: 4900;
    /** A newer socket of the same session took over. */
    readonly replaced: 4901;
    /** The room has ended. */
    readonly roomEnded: 4903;
};
/** First bytes of the frames a client sends. */
export declare const TO_SERVER: {
    readonly hello: 1;
    readonly input: 2;
    readonly ack: 3;
    readonly bye: 4;
    readonly pong: 5;
};
/** First bytes of the frames a client receives. */
export declare const TO_CLIENT: {
    readonly welcome: 17;
    readonly event: 18;
    readonly view: 19;
    readonly now: 20;
    readonly ack: 21;
    readonly ping: 22;
    readonly move: 23;
    readonly setAside: 24;
};
/** Frame types with this bit may be skipped by a client that does not know them. */
export declare const SKIPPABLE = 128;
/** Frames of one message from the server; one more makes it unreadable. */
export declare const SERVER_FRAMES_MAX = 4096;
/** Frames the client puts into one message; the server takes 64. */
export declare const CLIENT_FRAMES_MAX = 32;
/** Bytes of frames the client puts into one message if there is more than one; the server takes 64 KiB. */
export declare const CLIENT_MESSAGE_BYTES_MAX: number;
/** Bytes of a session token: 8 of session id, 16 of secret. */
export declare const TOKEN_BYTES = 24;
/** Bytes of a room id. */
export declare const ROOM_BYTES = 16;
/** Every default of the options, with its unit in its name. */
export declare const DEFAULTS: {
    /** Milliseconds without a byte from the server after which a socket is given up. */
    readonly deadMs: 12000;
    /** Milliseconds after which events taken in are acknowledged at the latest. */
    readonly ackMs: 500;
    /** Events taken in after which they are acknowledged at the latest. */
    readonly ackEvery: 32;
    /** Inputs held because they are not known to be applied. */
    readonly inputsMax: 256;
    /** Bytes of such inputs. */
    readonly inputsBytesMax: number;
    /** Bytes of one input, until the server names its own limit. */
    readonly inputBytesMax: number;
    /** How often the server may say "start afresh" without a welcome in between; once more is the end. */
    readonly afreshMax: 3;
    /** Milliseconds a connection must have lived for the next retry to be a first one again. */
    readonly stableMs: 1000;
    /** Milliseconds between the ping that a silent server is to send and the moment its connection is given up, at least. */
    readonly pingSlackMs: 2000;
    /** Milliseconds of silence after the network changed before another connection is tried beside the one there is. */
    readonly probeMs: 1000;
    /** Milliseconds a connection may take to be welcomed before such silence counts. */
    readonly patienceMs: 2000;
    /** Milliseconds for which the way to the server is looked for to give a seat up. */
    readonly partMs: 5000;
};
