import type { Hello, Welcome } from './frames.js';
import { type Arrival, Inbox } from './inbox.js';
import type { Outbox } from './outbox.js';
/** What a player asks for when it has no session yet. */
export interface Request {
    readonly watch: boolean;
    readonly deltas: boolean;
    /** Empty, or the id of the room. */
    readonly room: Uint8Array;
    readonly kind: string;
    readonly name: string;
    readonly profile: Uint8Array;
    readonly params: Uint8Array;
}
/** What a player was not told, or what was not done with its inputs. */
export interface Gap {
    /**
     * - `view`: the server dropped events that the next view makes up for.
     * - `fresh`: after a reconnect the server could not repeat events; the next view makes up for them.
     * - `afresh`: the server no longer knows the session, or its room; this is a new one.
     * - `unreadable`: the payload of an event could not be decoded.
     */
    readonly reason: 'view' | 'fresh' | 'afresh' | 'unreadable';
    /** How many events were missed; null if that cannot be known. */
    readonly missed: number | null;
    /** Inputs once reported as applied that the server lost in a crash. */
    readonly lost: number;
    /** Inputs that were not applied, as far as is known, and will not be sent again. */
    readonly dropped: number;
}
/**
 * One player's numbered conversation with a room, which outlives connections.
 *
 * It knows no socket and no clock: what it is told are frames, what it gives out are frames to send.
 */
export declare class Session<Input> {
    #private;
    readonly inbox: Inbox;
    readonly outbox: Outbox<Input>;
    constructor(request: Request, outbox: Outbox<Input>);
    /** Whether there is a seat to come back to. */
    get seated(): boolean;
    /** Whether the seat is one that this page has only read about in its storage. */
    get remembered(): boolean;
    /** The session's id, which is the player's id in the game; null without one. */
    get id(): number | null;
    /** The room's id; null before it is known. */
    get roomId(): string | null;
    /** The last answer of the server; null before it. */
    get terms(): Welcome | null;
    /** Inputs that may be sent and not applied. */
    get inFlightMax(): number;
    /** Bytes of one input. */
    get inputBytesMax(): number;
    /** The first frame of a new socket. Each is of a higher generation than all before it. */
    hello(): Hello;
    /** The server's answer; what the page has to be told was missed, if anything. Throws a `TermsError`. */
    welcome(terms: Welcome): Gap | null;
    /** Event `seq` came in. */
    event(seq: number): Arrival;
    /** A view as of event `asOf` came in. */
    view(asOf: number): Gap | null;
    /** Inputs up to `applied` are applied and safe; whether that was news. */
    applied(applied: number): boolean;
    /** These inputs were set aside; the numbers that this page knows them by, without those it was told of before. */
    setAside(inputs: readonly number[]): number[];
    /** Gives the session up, to begin another one with the next socket. */
    forget(): void;
    /** What went with sessions that were given up, once; null if none was. */
    givenUp(): Gap | null;
    /** What a reloaded page needs to come back to its seat; null without one. `detached` if this page goes on without it. */
    save(detached?: boolean): string | null;
    /** Whether that is what a later page, or one of another session, has saved. */
    outdated(saved: string | null): boolean;
    /** Takes up what `save` told, if it can be read; whether there is a seat now. */
    restore(saved: string | null): boolean;
}
