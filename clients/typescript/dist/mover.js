/** The change-over to another address that the server asked for, if there is one. */
export class Mover {
    #timers;
    #random;
    #backoff;
    #go;
    #giveUp;
    #url = null;
    #until = 0;
    #timer;
    #deadline;
    /** `go` opens the new connection while the old one plays on; `giveUp` drops it and keeps the old one. */
    constructor(timers, random, backoff, go, giveUp) {
        this.#timers = timers;
        this.#random = random;
        this.#backoff = backoff;
        this.#go = go;
        this.#giveUp = giveUp;
    }
    /** Where to; null if there is nothing to change over to. */
    get url() {
        return this.#url;
    }
    /** Begins at a random moment of the window; a later order replaces an earlier one. Not a URL: no order. */
    begin(move, from) {
        const url = socketUrl(move.url, from);
        if (url === null)
            return;
        this.stop();
        this.#backoff.reset();
        this.#url = url;
        this.#until = this.#timers.now() + move.deadlineMs;
        this.#deadline = this.#timers.set(() => {
            this.stop();
            this.#giveUp();
        }, Math.min(move.deadlineMs, TIMER_MS_MAX));
        this.#later(this.#random() * Math.min(move.windowMs, move.deadlineMs, TIMER_MS_MAX));
    }
    /** The new connection failed: try once more, not before `retryAfterMs`, if there is time. */
    failed(retryAfterMs = 0) {
        const wait = this.#backoff.next() + retryAfterMs;
        if (this.#url !== null && this.#timers.now() + wait < this.#until)
            this.#later(wait);
        else
            this.stop();
    }
    /** It is done, or no longer wanted. */
    stop() {
        this.#url = null;
        this.#timers.clear(this.#timer);
        this.#timers.clear(this.#deadline);
    }
    #later(ms) {
        this.#timer = this.#timers.set(() => {
            if (this.#url !== null)
                this.#go(this.#url);
        }, ms);
    }
}
/** Longer timers fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** An absolute ws: or wss: URL, seen from another; http: counts as ws:. Null if it is none. */
export function socketUrl(url, from) {
    try {
        const absolute = new URL(url, from);
        absolute.protocol = absolute.protocol.replace(/^http/, 'ws');
        absolute.hash = '';
        return /^wss?:$/.test(absolute.protocol) ? absolute.href : null;
    }
    catch {
        return null;
    }
}
