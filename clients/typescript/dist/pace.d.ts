import type { Timers } from './timers.js';
/** How fast this side may talk: what the server takes in all, and what inputs may use of that. All counts, from HELLO on. */
export declare class Pace {
    #private;
    constructor(timers: Timers);
    /**
     * A connection begins. The server takes this much a second, 0 for as much as comes, and what one second brings at once;
     * of frames at least `framesAtOnce`, all that may be on their way, so that a new connection can repeat them.
     */
    allow(framesPerSecond: number, bytesPerSecond: number, framesAtOnce: number): void;
    /** Counts what was said without asking. */
    said(frames: number, bytes: number): void;
    /** Takes an input's frame of so many bytes along, and says 0; or the milliseconds to wait before asking again. */
    input(bytes: number): number;
    /** As `input`, of a frame that is none. */
    other(bytes: number): number;
}
