/**
 * The longest wait before each retry, in milliseconds; the last one repeats.
 * The wait itself is drawn evenly between 0 and this, so that a crowd does not come back as one.
 */
export declare const BACKOFF_MS: readonly number[];
/** How long to wait before the next retry. */
export declare class Backoff {
    #private;
    /** `table` as `BACKOFF_MS`; `random` gives numbers from 0 up to but without 1. */
    constructor(table: readonly number[], random: () => number);
    /** Retries since the last reset. */
    get attempts(): number;
    /** Milliseconds to wait before the next retry, which this counts. */
    next(): number;
    /** The next retry is a first one. */
    reset(): void;
}
