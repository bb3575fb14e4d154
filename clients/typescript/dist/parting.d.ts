import { Connection } from './connection.js';
import type { LinkOptions } from './link.js';
/** What is said over a socket that is opened to part. */
export interface LastWords {
    hello(): Uint8Array;
    bye(): Uint8Array;
}
/**
 * Gives a seat up, in the background. Where goodbye was said over a connection it waits for the answer; where there was
 * none, or no answer came, it connects for some time to say who it is and goodbye. It ends when the server has closed a
 * connection for it, or does not know the session.
 */
export declare class Parting {
    #private;
    /** Goodbye was said over the connections of `said`. Other ones go to the addresses in turn. */
    constructor(options: LinkOptions, urls: readonly string[], words: LastWords, said: readonly Connection[]);
}
