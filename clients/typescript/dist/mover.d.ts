import type { Backoff } from './backoff.js';
import type { Move } from './frames.js';
import type { Timers } from './timers.js';
/** The change-over to another address that the server asked for, if there is one. */
export declare class Mover {
    #private;
    /** `go` opens the new connection while the old one plays on; `giveUp` drops it and keeps the old one. */
    constructor(timers: Timers, random: () => number, backoff: Backoff, go: (url: string) => void, giveUp: () => void);
    /** Where to; null if there is nothing to change over to. */
    get url(): string | null;
    /** Begins at a random moment of the window; a later order replaces an earlier one. Not a URL: no order. */
    begin(move: Move, from: string): void;
    /** The new connection failed: try once more, not before `retryAfterMs`, if there is time. */
    failed(retryAfterMs?: number): void;
    /** It is done, or no longer wanted. */
    stop(): void;
}
/** An absolute ws: or wss: URL, seen from another; http: counts as ws:. Null if it is none. */
export declare function socketUrl(url: string, from?: string): string | null;
