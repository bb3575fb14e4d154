import type { Closed } from './connection.js';
import { type Mode, type State } from './constants.js';
import type { Settings } from './options.js';
import type { Gap, Session } from './session.js';
import type { Socket } from './socket.js';
/** How the server welcomed a connection. */
export interface Welcomed {
    readonly mode: Mode;
    readonly session: number | null;
    readonly roomId: string;
    readonly release: string;
    /** Milliseconds the seat is kept without a connection. */
    readonly ttlMs: number;
}
/** Why it is over. */
export interface End extends Closed {
    /** Whether it was `leave()`. */
    readonly left: boolean;
}
/** What listeners are called with. A deploy causes none of these by itself. */
export type RoomEvents<Event, View, Now> = {
    /** An event, in order and once, and its number. */
    event: [event: Event, seq: number];
    /** What the player sees now, which replaces every earlier view, and the last event it includes. */
    view: [view: View, asOf: number];
    /** A message that is sent once and may be missed. */
    now: [message: Now];
    /** The state changed; for a connection that broke, why. */
    state: [state: State, why: Closed | null];
    /** A connection broke or did not come about, why, and in how many milliseconds the next one is tried. */
    retry: [why: Closed, ms: number];
    /** Inputs up to this number are applied and safe. */
    applied: [seq: number];
    /**
     * Inputs were set aside: the game fails on them, or they are longer than the server takes by now (`PLY-0182`). They
     * were not run and never will be, and `applied` passes over them. Their numbers, and a code `PLY-nnnn`.
     */
    setAside: [seqs: readonly number[], code: string];
    /** Something was missed or lost; never silently. */
    gap: [gap: Gap];
    /** A connection was welcomed; the first time, or again. */
    welcome: [welcome: Welcomed];
    /** It is over: the server said to stop, or `leave()` was called. Not for broken connections and deploys. */
    end: [end: End];
};
/**
 * A seat in a room, seen from the player's side.
 *
 * It outlives its connections: they come and go without a word but `state`. Made by `join`.
 */
export declare class Room<Input, Event, View, Now = Event> {
    #private;
    /** Use `join`. */
    constructor(settings: Settings<Input>, session: Session<Input>);
    /** Where the connection stands. */
    get state(): State;
    /** The player's id in the game; null before the first welcome and for spectators. */
    get session(): number | null;
    /** The room's id, a UUID; null before it is known. */
    get roomId(): string | null;
    /** The release the room ran on at the last welcome; empty before it. */
    get release(): string;
    /** The last input that needs no care any more: it is applied and safe, or was reported as dropped. */
    get applied(): number;
    /** How many inputs are held because they are not known to be applied. */
    get pending(): number;
    /** The last event taken in. */
    get recv(): number;
    /** The last view; null before the first. */
    get view(): View | null;
    /** The WebSocket in use; null while there is none. To look at, not to use. */
    get socket(): Socket | null;
    /** Calls `listener` from now on; what it returns stops that. */
    on<N extends keyof RoomEvents<Event, View, Now>>(name: N, listener: (...args: RoomEvents<Event, View, Now>[N]) => void): () => void;
    /**
     * Sends an input, now or as soon as there is a connection, and again after every break until it is applied.
     * Its number, counted from 1 on this page; false if too much is pending, or the room is ended or only watched.
     * Throws a `RangeError` if the input is larger than the server takes.
     */
    send(input: Input): number | false;
    /**
     * Gives the seat up. Without a connection the client looks for one for a few seconds more, in the background, to say
     * so; if there is none, the server notices when the seat's time runs out.
     */
    leave(): void;
    /** Goes away but keeps the seat and, in the storage, the way back to it: no `end` is told. */
    detach(): void;
}
