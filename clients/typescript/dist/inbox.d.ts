/** What to do with an event that came in. */
export type Arrival = 'next' | 'duplicate' | 'gap';
/** Which events were taken in, and which of them the server knows about. */
export declare class Inbox {
    #private;
    /** The last event taken in. */
    get recv(): number;
    /** Events taken in of which the server has not been told. */
    get untold(): number;
    /** Takes event `seq` in if it is the next one. A gap leaves everything as it was. */
    event(seq: number): Arrival;
    /** Takes a view as of event `asOf` in; how many events it came instead of. */
    view(asOf: number): number;
    /** The server is being told of `recv`; tells it. */
    tell(): number;
    /** Goes on after event `seq`, wherever it was before. */
    restart(seq: number): void;
}
