import { Backoff } from './backoff.js';
import { Connection } from './connection.js';
import { CLOSE, closeClass, DEFAULTS } from './constants.js';
import { encodeBye } from './frames.js';
import { Mover } from './mover.js';
import { Parting } from './parting.js';
/**
 * The way to the server: at most one connection that is up, one on trial, and one that was on trial before.
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
    /** Said HELLO and was silent when the network changed: another is on trial, but whichever is welcomed is taken. */
    #earlier = null;
    #upSince = 0;
    /** Sessions given up since the last welcome. */
    #afresh = 0;
    #retry = null;
    /** When the next try is due. */
    #retryAt = 0;
    #probing = null;
    /** When the network changed that the running probe is about. */
    #asked = 0;
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
    /**
     * Says goodbye over those that have said HELLO and wait for a welcome, else over the one that is up, and is closed for
     * good. If there is a seat to give up, it is seen to in the background that the server hears of it.
     */
    part(seated) {
        const asked = [this.#earlier, this.#trial].filter((one) => one?.opened);
        const heard = (asked.length > 0 ? asked : [this.#current]).filter((one) => one !== null);
        for (const one of heard)
            one.send(encodeBye());
        if (seated) {
            const words = { hello: () => this.#user.hello(), bye: encodeBye };
            new Parting(this.#options, [this.#url, this.#options.url], words, heard);
            const unheard = (one) => (one && heard.includes(one) ? null : one);
            this.#current = unheard(this.#current);
            this.#trial = unheard(this.#trial);
            this.#earlier = unheard(this.#earlier);
        }
        this.stop();
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
        this.#current = null;
        this.#dropTrials();
    }
    #dropTrials() {
        this.#trial?.drop();
        this.#earlier?.drop();
        this.#trial = null;
        this.#earlier = null;
    }
    #dial(url) {
        const listener = {
            hello: () => this.#user.hello(),
            welcomed: (connection, terms) => this.#welcomed(connection, terms),
            ponged: (bytes) => this.#user.ponged(bytes),
            frame: (connection, frame) => this.#frame(connection, frame),
            closed: (connection, why) => this.#closed(connection, why),
        };
        this.#trial?.drop();
        try {
            this.#trial = new Connection(this.#options, url, listener, this.#options.deadMs);
        }
        catch (error) {
            this.#trial = null;
            this.#failed({ code: CLOSE.broken, reason: String(error) });
        }
    }
    #welcomed(connection, terms) {
        // What the old connection still holds is not read: the new one begins where the server says.
        const old = this.#current;
        this.#settleTrials(connection, terms);
        this.#current = connection;
        this.#url = connection.url;
        this.#upSince = this.#options.timers.now();
        this.#mover.stop();
        this.#clearRetry();
        this.#clearProbe();
        connection.expectPing(terms.pingMs);
        old?.drop();
        // Throws at terms that make no sense.
        this.#user.up(terms, connection.said);
        this.#afresh = 0;
    }
    /** One of those on trial was welcomed. */
    #settleTrials(welcomed, terms) {
        const other = welcomed === this.#trial ? this.#earlier : this.#trial;
        // The server answers the HELLO of the later one next, and goes on with that: it stays on trial.
        const goesOn = other === this.#trial && other?.opened && (terms.mode === 'resumed' || terms.mode === 'fresh');
        // It may have been given a seat of its own.
        if (other?.opened && terms.mode === 'new')
            other.send(encodeBye());
        if (!goesOn)
            other?.drop();
        this.#trial = goesOn ? other : null;
        this.#earlier = null;
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
        else if (connection === this.#earlier) {
            // What comes of it is for the one that came after it.
            this.#earlier = null;
        }
        else if (connection === this.#current) {
            this.#current = null;
            if (this.#options.timers.now() - this.#upSince >= DEFAULTS.stableMs)
                this.#backoff.reset();
            if (why.code === CLOSE.replaced && !this.#trial?.opened && this.#earlier)
                this.#tryEarlier();
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
    /** The server has heard of the earlier one: its welcome is on the way. */
    #tryEarlier() {
        this.#trial?.drop();
        this.#trial = this.#earlier;
        this.#earlier = null;
    }
    /** The connection on trial came to nothing. */
    #failed(why) {
        if (this.#current)
            this.#mover.failed(why.retryAfterMs);
        else
            this.#settle(why);
    }
    /** Nothing is up: does what the close code's class asks. */
    #settle(why) {
        this.#trial?.drop();
        this.#trial = null;
        const order = this.#user.order(why);
        if (order !== 'resume')
            this.#dropTrials();
        // No welcome in between: whoever asks is told, rather than the server asked for ever.
        const refused = order === 'afresh' && this.#afresh >= this.#options.afreshMax;
        if (order === 'stop' || refused) {
            this.stop();
            this.#user.ended(why);
            return;
        }
        if (order === 'afresh')
            this.#afresh += 1;
        const ms = this.#backoff.next() + (why.retryAfterMs ?? 0);
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
        this.#retryAt = this.#options.timers.now() + ms;
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
    /** The network is back or the page is looked at: a look follows, whatever is under way, or a try at once, or nearly. */
    #wake() {
        if (this.#over)
            return;
        const { timers } = this.#options;
        const slow = this.#trial && !this.#trial.opened && timers.now() - this.#trial.since >= DEFAULTS.patienceMs;
        if (!this.#current && (!this.#trial || slow)) {
            this.#trial?.drop();
            this.#trial = null;
            this.#soon();
        }
        else if (this.#probing === null || this.#answered()) {
            // One that runs is not put off: a network that comes and goes would do that for ever.
            this.#clearProbe();
            this.#asked = timers.now();
            this.#probe(DEFAULTS.probeMs);
        }
    }
    #probe(ms) {
        this.#probing = this.#options.timers.set(() => {
            this.#probing = null;
            this.#look();
        }, ms);
    }
    /** Whether anything has shown that it works since the network changed. */
    #answered() {
        return [this.#current, this.#trial].some((one) => one && one.alive >= this.#asked);
    }
    /**
     * The network may be another one, and then nothing comes over the old connections any more: if nothing came for a
     * moment, another one is tried beside those that may still be answered, in the place of one that never opened.
     */
    #look() {
        if (this.#answered())
            return;
        const trial = this.#trial;
        const url = trial?.url ?? this.#url;
        if (!trial && !this.#current) {
            this.#soon();
            return;
        }
        if (trial) {
            const left = trial.since + DEFAULTS.patienceMs - this.#options.timers.now();
            if (left > 0) {
                this.#probe(left);
                return;
            }
            if (trial.opened)
                this.#keepAside(trial);
        }
        this.#dial(url);
    }
    #keepAside(trial) {
        this.#earlier?.drop();
        this.#earlier = trial;
        this.#trial = null;
    }
    #clearProbe() {
        if (this.#probing !== null)
            this.#options.timers.clear(this.#probing);
        this.#probing = null;
    }
    /** The next try is as the first after a break, unless it is to be made even earlier. */
    #soon() {
        this.#backoff.reset();
        const ms = this.#backoff.next();
        if (this.#retry === null || this.#retryAt > this.#options.timers.now() + ms)
            this.#later(ms);
    }
}
