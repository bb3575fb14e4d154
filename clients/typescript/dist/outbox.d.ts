/** An input that is not known to be applied. */
export interface Pending<Input> {
    /** Its number on this page. */
    readonly seq: number;
    readonly input: Input;
    readonly payload: Uint8Array;
}
/** Merges inputs that wait for a connection. */
export type Coalesce<Input> = (waiting: readonly Input[], next: Input) => readonly Input[];
/**
 * The inputs that are not known to be applied, oldest first.
 *
 * Inputs are numbered from 1 for the life of the object. A session counts from its own first input, which after a
 * reload or a fresh start is another one: `#shift` is the difference. One that is refused has no number in the session,
 * and those behind it move up there.
 */
export declare class Outbox<Input> {
    #private;
    /** At `inputsMax` inputs or `bytesMax` bytes of them a further one is refused. */
    constructor(inputsMax: number, bytesMax: number);
    /** The last input known to be applied, or given up with its session. */
    get applied(): number;
    /** How many are held. */
    get size(): number;
    /** Bytes of those held. */
    get bytes(): number;
    /** The session's number of the first input that was not acknowledged: all before were. */
    get lo(): number;
    /** The session's number of an input that is held. */
    wire(seq: number): number;
    /** The number on this page of an input with this number in the session; below 1 if an earlier page sent it. */
    ours(wire: number): number;
    /** Holds an input; its number, or false if there is no room for it. */
    push(input: Input, payload: Uint8Array): number | false;
    /** The inputs that were never on a socket, which `replaceWaiting` may change. */
    waiting(): Input[];
    /**
     * Puts others in the place of the inputs that were never on a socket, if they fit; else nothing changes.
     * The last one's number, or false. Numbers given out for inputs that were merged away are given out again.
     */
    replaceWaiting(inputs: readonly Input[], payloads: readonly Uint8Array[]): number | false;
    /**
     * The input to put on the socket next; null if there is none, or if as many of the session as `inFlightMax`, those of
     * an earlier page included, are on their way and not acknowledged.
     */
    nextUnsent(inFlightMax: number): Pending<Input> | null;
    /** That input is on the socket. */
    markSent(seq: number): void;
    /**
     * Gives up the input to put on the socket next, which the server does not have and would not take. It counts as dealt
     * with, and the session has no number for it.
     */
    refuse(seq: number): void;
    /**
     * The server has applied inputs up to `applied`, in the session's numbers. How many of this page are newly known to
     * be; null if that many were never sent.
     */
    ack(applied: number): number | null;
    /** A session of which inputs below `lo` are acknowledged, taken up where the server wants `inNext` next. */
    anchor(inNext: number, lo: number): void;
    /** Whether the server can want input `inNext` next: not one that was acknowledged, or never sent. */
    possible(inNext: number): boolean;
    /** A connection begins, and the server wants input `inNext` next; whatever is held from there on is sent again. */
    rewind(inNext: number): void;
    /** Gives up everything held; how many that were. */
    clear(): number;
}
