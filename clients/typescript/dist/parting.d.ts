import type { LinkOptions } from './link.js';
/** What is said over a socket that is opened to part. */
export interface LastWords {
    hello(): Uint8Array;
    bye(): Uint8Array;
}
/**
 * Gives a seat up for which there was no connection: connects for some time, in the background, to say who it is and
 * goodbye. It ends when the server has closed a connection for it, or does not know the session.
 */
export declare class Parting {
    #private;
    /** Tries the addresses in turn. */
    constructor(options: LinkOptions, urls: readonly string[], words: LastWords);
}
