/**
 * What is kept of a session for a page that is loaded again.
 *
 * A HELLO and a WELCOME are written at once. What is acknowledged is written a moment later at the latest, when the
 * connection ends and when the page may go: whoever comes back knows of less than the server said only if the page is
 * killed outright, and then of that moment.
 */
export class Keeping {
    #settings;
    #session;
    #unhide;
    #savedAt = 0;
    /** Set while something is known that is not written. */
    #due = null;
    /** Reads nothing yet; listens for the page that goes until it is stopped. */
    constructor(settings, session) {
        this.#settings = settings;
        this.#session = session;
        this.#unhide = settings.watch ? () => { } : settings.hide(() => this.flush());
    }
    /** Writes the session as it is now. */
    save() {
        this.#write(false);
    }
    /** Something was acknowledged: it is written now, or when `ackMs` have passed since the last time. */
    soon() {
        const { timers, ackMs } = this.#settings;
        if (this.#due !== null)
            return;
        const wait = this.#savedAt + ackMs - timers.now();
        if (wait > 0)
            this.#due = timers.set(() => this.flush(), wait);
        else
            this.#writeOurs(false);
    }
    /** Writes what is not written yet. */
    flush() {
        if (this.#due !== null)
            this.#writeOurs(false);
    }
    /** The page goes on without the session, and another one may take it up. */
    detach() {
        this.#writeOurs(true);
        this.stop();
    }
    /** Forgets it. A spectator has no seat, and leaves alone what a player of the same page may have kept. */
    remove() {
        this.#clear();
        if (!this.#settings.watch)
            this.#settings.storage.remove(this.#settings.key);
    }
    /** Writes nothing any more. */
    stop() {
        this.#clear();
        this.#unhide();
    }
    /** Writes it unless another page has taken the entry over since, which is not to be taken back. */
    #writeOurs(detached) {
        const { storage, key } = this.#settings;
        if (this.#session.outdated(storage.load(key)))
            this.#clear();
        else
            this.#write(detached);
    }
    #write(detached) {
        this.#clear();
        const saved = this.#session.save(detached);
        this.#savedAt = this.#settings.timers.now();
        if (saved !== null)
            this.#settings.storage.save(this.#settings.key, saved);
    }
    #clear() {
        if (this.#due !== null)
            this.#settings.timers.clear(this.#due);
        this.#due = null;
    }
}
