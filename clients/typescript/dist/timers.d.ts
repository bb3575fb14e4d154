/** The clock and the timers the client runs on; times in milliseconds. */
export interface Timers {
    /** Any clock that never goes back. */
    now(): number;
    set(run: () => void, ms: number): unknown;
    clear(timer: unknown): void;
}
/** The timers of the page or of Node. */
export declare const systemTimers: Timers;
