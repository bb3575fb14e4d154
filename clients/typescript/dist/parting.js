import { Backoff } from './backoff.js';
import { Connection } from './connection.js';
import { closeClass, DEFAULTS } from './constants.js';
/**
 * Gives a seat up for which there was no connection: connects for some time, in the background, to say who it is and
 * goodbye. It ends when the server has closed a connection for it, or does not know the session.
 */
export class Parting {
    #options;
    #words;
    #urls;
    #backoff;
    #unwake;
    #connection = null;
    #retry;
    #deadline;
    #over = false;
    /** Tries the addresses in turn. */
    constructor(options, urls, words) {
        this.#options = options;
        this.#words = words;
        this.#urls = urls;
        this.#backoff = new Backoff(options.backoff, options.random);
        this.#unwake = options.wake(() => this.#again());
        this.#deadline = options.timers.set(() => this.#stop(), DEFAULTS.partMs);
        this.#later();
    }
    #later(retryAfterMs = 0) {
        const turn = this.#backoff.attempts % this.#urls.length;
        this.#retry = this.#options.timers.set(() => this.#dial(this.#urls[turn] ?? this.#options.url), this.#backoff.next() + retryAfterMs);
    }
    #dial(url) {
        const listener = {
            hello: () => this.#words.hello(),
            opened: (connection) => connection.send(this.#words.bye()),
            welcomed: () => { },
            ponged: () => { },
            frame: () => { },
            closed: (_, why) => this.#closed(why),
        };
        const { WebSocket, timers } = this.#options;
        try {
            this.#connection = new Connection(WebSocket, url, listener, timers, DEFAULTS.patienceMs);
        }
        catch {
            this.#later();
        }
    }
    #closed(why) {
        this.#connection = null;
        if (closeClass(why.code) === 'resume')
            this.#later(why.retryAfterMs);
        else
            this.#stop();
    }
    /** The network is another one, or the page is looked at. */
    #again() {
        if (this.#over || this.#connection?.opened)
            return;
        this.#connection?.drop();
        this.#connection = null;
        this.#options.timers.clear(this.#retry);
        this.#backoff.reset();
        this.#later();
    }
    #stop() {
        this.#over = true;
        this.#unwake();
        this.#options.timers.clear(this.#retry);
        this.#options.timers.clear(this.#deadline);
        this.#connection?.drop();
        this.#connection = null;
    }
}
