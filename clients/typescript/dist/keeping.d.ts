import type { Settings } from './options.js';
import type { Session } from './session.js';
/** What it needs of the options. */
type KeepingOptions = Pick<Settings<never>, 'storage' | 'key' | 'watch' | 'hide' | 'timers' | 'ackMs'>;
/** What it needs of a session. */
type Kept = Pick<Session<never>, 'save' | 'outdated'>;
/**
 * What is kept of a session for a page that is loaded again.
 *
 * A HELLO and a WELCOME are written at once. What is acknowledged is written a moment later at the latest, when the
 * connection ends and when the page may go: whoever comes back knows of less than the server said only if the page is
 * killed outright, and then of that moment.
 */
export declare class Keeping {
    #private;
    /** Reads nothing yet; listens for the page that goes until it is stopped. */
    constructor(settings: KeepingOptions, session: Kept);
    /** Writes the session as it is now. */
    save(): void;
    /** Something was acknowledged: it is written now, or when `ackMs` have passed since the last time. */
    soon(): void;
    /** Writes what is not written yet. */
    flush(): void;
    /** The page goes on without the session, and another one may take it up. */
    detach(): void;
    /** Forgets it. A spectator has no seat, and leaves alone what a player of the same page may have kept. */
    remove(): void;
    /** Writes nothing any more. */
    stop(): void;
}
export {};
