import { type Mode } from './constants.js';
/** The first frame of every socket: who is there and where it left off. */
export interface Hello {
    readonly protoMin: number;
    readonly protoMax: number;
    /** Wants to look on, not to play. */
    readonly watch: boolean;
    /** Wants a whole view to begin with, whatever events could be repeated. */
    readonly whole: boolean;
    /** Takes views that are told by what differs from the one before. */
    readonly deltas: boolean;
    /** Empty, or what `Welcome.token` said. */
    readonly token: Uint8Array;
    /** Empty, or the room's id. */
    readonly room: Uint8Array;
    readonly kind: string;
    readonly name: string;
    readonly profile: Uint8Array;
    readonly params: Uint8Array;
    /** What `recv` counts in; 0 if this client has seen no event. */
    readonly history: number;
    /** Higher than that of every earlier socket of the session. */
    readonly generation: number;
    /** The last event taken in. */
    readonly recv: number;
    /** The first input that was not acknowledged; all before were, by an ACK. */
    readonly lo: number;
}
/** The terms of a session. */
export interface Welcome {
    readonly type: 'welcome';
    readonly proto: number;
    readonly mode: Mode;
    /** How payloads are encoded; 0 is JSON. */
    readonly codec: number;
    /** To show at the next HELLO; empty if the one the client has stays good. */
    readonly token: Uint8Array;
    readonly room: Uint8Array;
    readonly history: number;
    readonly generation: number;
    /** The input the server wants next: those before have arrived, which does not acknowledge them. */
    readonly inNext: number;
    /** The event after which events go on over this socket. */
    readonly eventSeq: number;
    /** Inputs once acknowledged that the server lost in a crash. */
    readonly lost: number;
    /** Milliseconds the seat is kept without a socket. */
    readonly ttlMs: number;
    /** Milliseconds of silence after which the server asks for a sign of life. */
    readonly pingMs: number;
    /** Bytes of one input. */
    readonly inputBytesMax: number;
    /** Inputs that may be sent and not yet applied. */
    readonly inputsPendingMax: number;
    /** Frames that may be sent a second in the long run; 0 for any number. */
    readonly framesPerSecond: number;
    /** Bytes of messages that may be sent a second in the long run; 0 for any number. */
    readonly bytesPerSecond: number;
    /** Name of the release the room runs on. */
    readonly release: string;
}
/** Everything the server says. */
export type ServerFrame = Welcome | {
    readonly type: 'event';
    readonly seq: number;
    readonly payload: Uint8Array;
} | {
    readonly type: 'view';
    readonly asOf: number;
    readonly base: number;
    readonly payload: Uint8Array;
} | {
    readonly type: 'now';
    readonly payload: Uint8Array;
} | {
    readonly type: 'ack';
    readonly applied: number;
} | {
    readonly type: 'ping';
    readonly nonce: number;
} | {
    readonly type: 'setAside';
    readonly code: number;
    readonly inputs: readonly number[];
} | Move;
/** The server asks the client to change over to another address. */
export interface Move {
    readonly type: 'move';
    readonly url: string;
    /** What the new address wants to see, if anything. */
    readonly ticket: Uint8Array;
    /** Milliseconds over which clients spread. */
    readonly windowMs: number;
    /** Milliseconds after which the change is no longer wanted. */
    readonly deadlineMs: number;
}
/** The frame that opens a socket. */
export declare function encodeHello(hello: Hello): Uint8Array;
/** Input number `seq`, and the last event taken in. */
export declare function encodeInput(seq: number, recv: number, payload: Uint8Array): Uint8Array;
/** Events up to `recv` are taken in. */
export declare function encodeAck(recv: number): Uint8Array;
/** The player gives the seat up. */
export declare function encodeBye(): Uint8Array;
/** The answer to a ping. */
export declare function encodePong(nonce: number): Uint8Array;
/**
 * The frames of one message, without those of later versions that may be skipped.
 * Throws a `FrameError` if it is not made of whole, known frames; then none of it counts.
 */
export declare function decodeFrames(message: Uint8Array): ServerFrame[];
