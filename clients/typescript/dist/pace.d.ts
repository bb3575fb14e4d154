import type { Timers } from './timers.js';
/** How fast inputs may leave: as many at once as may be on their way, or as one second brings, and then at the server's pace. */
export declare class Pace {
    #private;
    constructor(timers: Timers);
    /**
     * The server takes this much a second from now on, 0 for as much as comes; and `framesAtOnce` at once, all that may be
     * on their way, so that a new connection can repeat them.
     */
    allow(framesPerSecond: number, bytesPerSecond: number, framesAtOnce: number): void;
    /** Takes a frame of so many bytes along, and says 0; or the milliseconds to wait before asking again. */
    take(bytes: number): number;
}
