import { Backoff } from './backoff.js';
import { Connection } from './connection.js';
import { CLOSE, closeClass, DEFAULTS } from './constants.js';
/**
 * Gives a seat up, in the background. Where goodbye was said over a connection it waits for the answer; where there was
 * none, or no answer came, it connects for some time to say who it is and goodbye. It ends when the server has closed a
 * connection for it, or does not know the session.
 */
export class Parting {
    #options;
    #words;
    #urls;
    #backoff;
    #unwake;
    #deadline;
    #connections;
    #retry;
    #over = false;
    /** Goodbye was said over the connections of `said`. Other ones go to the addresses in turn. */
    constructor(options, urls, words, said) {
        this.#options = options;
        this.#words = words;
        this.#urls = urls;
        this.#backoff = new Backoff(options.backoff, options.random);
        this.#unwake = options.wake(() => this.#again());
        this.#deadline = options.timers.set(() => this.#stop(), DEFAULTS.partMs);
        this.#connections = new Set(said);
        for (const one of said)
            one.hand(this.#listener(), DEFAULTS.patienceMs);
        if (said.length === 0)
            this.#later();
    }
    #later(retryAfterMs = 0) {
        const turn = this.#backoff.attempts % this.#urls.length;
        this.#retry = this.#options.timers.set(() => this.#dial(this.#urls[turn] ?? this.#options.url), this.#backoff.next() + retryAfterMs);
    }
    #dial(url) {
        try {
            const connection = new Connection(this.#options, url, this.#listener(), DEFAULTS.patienceMs);
            this.#connections.add(connection);
        }
        catch {
            this.#later();
        }
    }
    #listener() {
        return {
            hello: () => this.#words.hello(),
            opened: (connection) => connection.send(this.#words.bye()),
            welcomed: () => { },
            ponged: () => { },
            frame: () => { },
            closed: (connection, why) => this.#closed(connection, why),
        };
    }
    #closed(connection, why) {
        this.#connections.delete(connection);
        const more = this.#connections.size > 0;
        if (why.code === CLOSE.replaced && more)
            return;
        if (closeClass(why.code) !== 'resume')
            this.#stop();
        else if (!more)
            this.#later(why.retryAfterMs);
    }
    /** The network is another one, or the page is looked at. */
    #again() {
        const opened = [...this.#connections].some((one) => one.opened);
        if (this.#over || opened)
            return;
        this.#drop();
        this.#options.timers.clear(this.#retry);
        this.#backoff.reset();
        this.#later();
    }
    #stop() {
        this.#over = true;
        this.#unwake();
        this.#options.timers.clear(this.#retry);
        this.#options.timers.clear(this.#deadline);
        this.#drop();
    }
    #drop() {
        for (const one of this.#connections)
            one.drop();
        this.#connections.clear();
    }
}
