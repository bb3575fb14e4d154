import { Backoff } from './backoff.js';
import { Connection } from './connection.js';
import { CLOSE, closeClass, DEFAULTS } from './constants.js';
import { Mover } from './mover.js';
/** How long a socket may take to open before a wake-up call replaces it, in milliseconds. */
const PATIENCE_MS = 2_000;
/**
 * The way to the server: at most one connection that is up and one on trial.
 *
 * It retries with growing, random waits, goes to another address when asked to while the old connection plays on,
 * and reads close codes by their class. It knows nothing of what is said over it.
 */
export class Link {
    #options;
    #user;
    #backoff;
    #mover;
    #unwake;
    /** Where to connect: the address given, or the one last moved to. */
    #url;
    #current = null;
    #trial = null;
    #upSince = 0;
    /** Sessions given up since the last welcome. */
    #afresh = 0;
    #retry = null;
    #probing = null;
    #over = false;
    constructor(options, user) {
        this.#options = options;
        this.#user = user;
        this.#url = options.url;
        this.#backoff = new Backoff(options.backoff, options.random);
        const moves = new Backoff(options.backoff, options.random);
        this.#mover = new Mover(options.timers, options.random, moves, (url) => {
            if (this.#current)
                this.#dial(url);
        }, () => this.#keepOld());
        this.#unwake = options.wake(() => this.#wake());
        this.#dial(this.#url);
    }
    /** The socket that is up. */
    get socket() {
        return this.#current?.socket ?? null;
    }
    /** Sends frames over the newest connection that has said HELLO, welcomed or not: the last words. */
    part(message) {
        if (this.#trial?.opened)
            this.#trial.send(message);
        else
            this.#current?.send(message);
    }
    /** Sends frames over the connection that is up, else nowhere. */
    send(message) {
        this.#current?.send(message);
    }
    /** Closes everything, for good. */
    stop() {
        this.#over = true;
        this.#unwake();
        this.#mover.stop();
        this.#clearRetry();
        this.#clearProbe();
        this.#current?.drop();
        this.#trial?.drop();
        this.#current = null;
        this.#trial = null;
    }
    #dial(url) {
        const { WebSocket, timers, deadMs } = this.#options;
        const listener = {
            hello: () => this.#user.hello(),
            welcomed: (connection, terms) => this.#welcomed(connection, terms),
            ponged: (bytes) => this.#user.ponged(bytes),
            frame: (connection, frame) => this.#frame(connection, frame),
            closed: (connection, why) => this.#closed(connection, why),
        };
        this.#trial?.drop();
        try {
            this.#trial = new Connection(WebSocket, url, listener, timers, deadMs);
        }
        catch (error) {
            this.#trial = null;
            this.#failed({ code: CLOSE.broken, reason: String(error) });
        }
    }
    #welcomed(connection, terms) {
        // What the old connection still holds is not read: the new one begins where the server says.
        const old = this.#current;
        if (connection === this.#trial)
            this.#trial = null;
        this.#current = connection;
        this.#url = connection.url;
        this.#upSince = this.#options.timers.now();
        this.#mover.stop();
        this.#clearProbe();
        connection.expectPing(terms.pingMs);
        old?.drop();
        // Throws at terms that make no sense.
        this.#user.up(terms, connection.said);
        this.#afresh = 0;
    }
    #frame(connection, frame) {
        if (frame.type === 'move')
            this.#mover.begin(frame, connection.url);
        else
            this.#user.frame(frame);
    }
    #closed(connection, why) {
        if (connection === this.#trial) {
            this.#trial = null;
            this.#failed(why);
        }
        else if (connection === this.#current) {
            this.#current = null;
            this.#clearProbe();
            if (this.#options.timers.now() - this.#upSince >= DEFAULTS.stableMs)
                this.#backoff.reset();
            const ours = this.#trial?.opened === true && why.code === CLOSE.replaced;
            if (!this.#trial)
                this.#settle(why);
            // A newer socket took over, and it is our own: its welcome is on the way.
            else if (ours || closeClass(why.code) === 'resume')
                this.#user.down(why);
            else
                this.#settle(why);
        }
    }
    /** The connection on trial came to nothing. */
    #failed(why) {
        if (this.#current)
            this.#mover.failed();
        else
            this.#settle(why);
    }
    /** Nothing is up: does what the close code's class asks. */
    #settle(why) {
        this.#trial?.drop();
        this.#trial = null;
        const order = this.#user.order(why);
        // No welcome in between: whoever asks is told, rather than the server asked for ever.
        const refused = order === 'afresh' && this.#afresh >= this.#options.afreshMax;
        if (order === 'stop' || refused) {
            this.stop();
            this.#user.ended(why);
            return;
        }
        if (order === 'afresh')
            this.#afresh += 1;
        const ms = this.#backoff.next();
        this.#later(ms);
        if (order === 'afresh')
            this.#user.afresh(why);
        else
            this.#user.down(why);
        if (!this.#over)
            this.#user.retry(why, ms);
    }
    #later(ms) {
        this.#clearRetry();
        this.#retry = this.#options.timers.set(() => {
            this.#retry = null;
            this.#dial(this.#nextUrl());
        }, ms);
    }
    /** Where the server wants us, then the address we were at, and the one given at every other try. */
    #nextUrl() {
        const url = this.#backoff.attempts % 2 === 0 ? this.#options.url : (this.#mover.url ?? this.#url);
        this.#mover.stop();
        return url;
    }
    #clearRetry() {
        if (this.#retry !== null)
            this.#options.timers.clear(this.#retry);
        this.#retry = null;
    }
    /** The change-over did not come about in time. */
    #keepOld() {
        if (!this.#current)
            return;
        this.#trial?.drop();
        this.#trial = null;
    }
    /**
     * The network may be another one, and then nothing comes over the old connection any more: if nothing comes for a
     * moment, a second one is tried, and the old one goes on unless that is welcomed.
     */
    #probe(current) {
        const { timers } = this.#options;
        this.#clearProbe();
        const asked = timers.now();
        this.#probing = timers.set(() => {
            this.#probing = null;
            const silent = this.#current === current && current.heard < asked;
            if (silent && !this.#trial)
                this.#dial(this.#url);
        }, DEFAULTS.probeMs);
    }
    #clearProbe() {
        if (this.#probing !== null)
            this.#options.timers.clear(this.#probing);
        this.#probing = null;
    }
    /** The network is back or the page is looked at: what is waited for is tried at once, or nearly. */
    #wake() {
        if (this.#over)
            return;
        if (this.#current) {
            this.#probe(this.#current);
            return;
        }
        const { timers } = this.#options;
        if (this.#trial && (this.#trial.opened || timers.now() - this.#trial.since < PATIENCE_MS))
            return;
        this.#trial?.drop();
        this.#trial = null;
        this.#backoff.reset();
        this.#later(this.#backoff.next());
    }
}
