import { CLOSE, DEFAULTS } from './constants.js';
import { Views } from './delta.js';
import { TermsError } from './frame-error.js';
import { decodeFrames, encodePong } from './frames.js';
/** A server that asks for more than a minute is not believed. */
const RETRY_AFTER_MAX_S = 60;
/** A timer that fires this much late ran in a page that slept, and proves nothing about the server. */
const LATE_MS = 1_000;
/**
 * One socket, from its opening to its end: speaks first, answers pings, notices silence, and gives up at the
 * first bytes it cannot read.
 */
export class Connection {
    /** The socket itself. */
    socket;
    /** Where it leads. */
    url;
    /** What was said over it until it was welcomed, in frames and bytes. */
    said = { frames: 0, bytes: 0 };
    /** When it was opened, by the timers' clock. */
    since;
    #listener;
    #timers;
    #deadMs;
    #heard;
    /** A timer was late already in the present silence. */
    #excused = false;
    /** When it opened; null before. */
    #openedAt = null;
    #welcomed = false;
    #views;
    #over = false;
    #alarm;
    /** What the server said instead of granting a socket, if that can be seen. */
    #refusal = {};
    /** Opens a socket to `url`. Throws what its constructor throws. */
    constructor(options, url, listener, deadMs) {
        const { WebSocket, timers, deltas } = options;
        this.socket = new WebSocket(url);
        this.url = url;
        this.#listener = listener;
        this.#timers = timers;
        this.#deadMs = deadMs;
        this.#views = new Views(deltas);
        this.since = timers.now();
        this.#heard = this.since;
        this.socket.binaryType = 'arraybuffer';
        this.socket.onopen = () => this.#open();
        this.socket.onmessage = (event) => this.#message(event.data);
        this.socket.onclose = (event) => this.#end({ code: event.code ?? CLOSE.broken, reason: event.reason ?? '', ...this.#refusal });
        // A close always follows. `ws` says here which status it met, and throws errors that nobody listens to.
        this.socket.onerror = (event) => this.#failed(String(event.message ?? ''));
        // Only here it shows the headers of that answer, and then leaves it to the listener to end the request.
        this.socket.on?.('unexpected-response', (_, { statusCode, headers }) => {
            this.#refused(statusCode, headers['retry-after']);
            this.socket.close();
        });
        this.#watch(deadMs);
    }
    /** When it last showed that it works: it was begun, it opened, or something was heard. By the timers' clock. */
    get alive() {
        return Math.max(this.#heard, this.#openedAt ?? 0);
    }
    /** The server asks for a sign of life after `pingMs` of silence: before that comes, silence means nothing. */
    expectPing(pingMs) {
        this.#deadMs = Math.max(this.#deadMs, pingMs + DEFAULTS.pingSlackMs);
    }
    /** What it hears from now on is told to another, who gives it up after `deadMs` of silence. */
    hand(listener, deadMs) {
        if (this.#over)
            return;
        this.#listener = listener;
        this.#deadMs = deadMs;
        this.#heard = this.#timers.now();
        this.#timers.clear(this.#alarm);
        this.#watch(deadMs);
    }
    /** Whether the HELLO is on its way. */
    get opened() {
        return this.#openedAt !== null;
    }
    /** Sends frames; into nothing once the socket is closing. */
    send(message) {
        if (this.#over)
            return;
        if (!this.#welcomed) {
            this.said.frames += 1;
            this.said.bytes += message.length;
        }
        try {
            this.socket.send(message);
        }
        catch {
            // Its close is about to be told.
        }
    }
    /** Closes it and reads no more of it; its listener hears nothing of that. */
    drop(reason = '') {
        if (this.#over)
            return;
        this.#silence();
        try {
            this.socket.close(CLOSE.normal, reason);
        }
        catch {
            // It never opened, or is closed already.
        }
    }
    #open() {
        if (this.#over)
            return;
        this.#openedAt = this.#timers.now();
        this.send(this.#listener.hello(this));
        this.#listener.opened?.(this);
    }
    #message(data) {
        if (this.#over)
            return;
        this.#heard = this.#timers.now();
        this.#excused = false;
        try {
            if (!(data instanceof ArrayBuffer))
                throw new TypeError('a message is not binary');
            for (const frame of decodeFrames(new Uint8Array(data))) {
                if (this.#over)
                    return;
                this.#frame(frame);
            }
        }
        catch (error) {
            const reason = error instanceof Error ? error.message : String(error);
            this.#giveUp(reason, error instanceof TermsError ? CLOSE.unknownSession : CLOSE.broken);
        }
    }
    #frame(frame) {
        if (frame.type === 'ping') {
            const pong = encodePong(frame.nonce);
            this.send(pong);
            if (this.#welcomed)
                this.#listener.ponged(pong.length);
        }
        else if (frame.type === 'welcome') {
            if (this.#welcomed)
                throw new TypeError('a second welcome');
            this.#welcomed = true;
            this.#listener.welcomed(this, frame);
        }
        else {
            if (!this.#welcomed)
                throw new TypeError('a frame before the welcome');
            this.#listener.frame(this, frame.type === 'view' ? this.#whole(frame) : frame);
        }
    }
    #whole(frame) {
        return { ...frame, base: 0, payload: this.#views.whole(frame.base, frame.payload) };
    }
    #watch(ms) {
        const due = this.#timers.now() + ms;
        this.#alarm = this.#timers.set(() => {
            const now = this.#timers.now();
            const silent = now - this.#heard;
            if (silent < this.#deadMs)
                this.#watch(this.#deadMs - silent);
            // What came in while the page slept is read after this timer. In a hidden tab all timers are late, so only once.
            else if (now - due > LATE_MS && !this.#excused) {
                this.#excused = true;
                this.#watch(LATE_MS);
            }
            else
                this.#giveUp(`nothing was heard for ${this.#deadMs} ms`);
        }, ms);
    }
    #giveUp(reason, code = CLOSE.broken) {
        if (this.#over)
            return;
        this.drop();
        this.#listener.closed(this, { code, reason });
    }
    #failed(message) {
        const status = Number(/^Unexpected server response: (\d{3})$/.exec(message)?.[1]);
        if (status > 0)
            this.#refused(status);
    }
    #refused(status, retryAfter = '') {
        const seconds = /^\d+$/.test(retryAfter) ? Math.min(Number(retryAfter), RETRY_AFTER_MAX_S) : 0;
        const reason = `the server answers with HTTP status ${status}`;
        this.#refusal = { status, reason, ...(seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {}) };
    }
    #end(why) {
        if (this.#over)
            return;
        this.#silence();
        this.#listener.closed(this, why);
    }
    #silence() {
        this.#over = true;
        this.#timers.clear(this.#alarm);
        this.socket.onopen = null;
        this.socket.onmessage = null;
        this.socket.onclose = null;
    }
}
