import { CLIENT_FRAMES_MAX, CLIENT_MESSAGE_BYTES_MAX, CLOSE, closeClass, PROTOCOL, REFUSALS, } from './constants.js';
import { Emitter } from './emitter.js';
import { FrameError } from './frame-error.js';
import { encodeAck, encodeHello, encodeInput } from './frames.js';
import { Keeping } from './keeping.js';
import { Link } from './link.js';
import { Pace } from './pace.js';
import { concat } from './writer.js';
/** Why an input is set aside that the server does not take any more. */
const TOO_LARGE = 'PLY-0182';
/**
 * A seat in a room, seen from the player's side.
 *
 * It outlives its connections: they come and go without a word but `state`. Made by `join`.
 */
export class Room {
    #settings;
    #session;
    #emitter;
    #keeping;
    #link;
    #state;
    #view = null;
    #ackTimer = null;
    #pace;
    #paceTimer = null;
    /** Use `join`. */
    constructor(settings, session) {
        this.#settings = settings;
        this.#session = session;
        this.#emitter = new Emitter(settings.onError);
        this.#pace = new Pace(settings.timers);
        this.#keeping = new Keeping(settings, session);
        const seated = !settings.watch && session.restore(settings.storage.load(settings.key));
        this.#state = seated ? 'resuming' : 'connecting';
        this.#link = new Link(settings, {
            hello: () => this.#hello(),
            order: (why) => this.#order(why),
            up: (terms, said) => this.#up(terms, said),
            ponged: (bytes) => this.#pace.said(1, bytes),
            frame: (frame) => this.#frame(frame),
            down: (why) => this.#down(why),
            afresh: (why) => this.#afresh(why),
            retry: (why, ms) => this.#tell('retry', why, ms),
            ended: (why) => this.#end({ ...why, left: false }),
        });
    }
    /** Where the connection stands. */
    get state() {
        return this.#state;
    }
    /** The player's id in the game; null before the first welcome and for spectators. */
    get session() {
        return this.#session.id;
    }
    /** The room's id, a UUID; null before it is known. */
    get roomId() {
        return this.#session.roomId;
    }
    /** The release the room ran on at the last welcome; empty before it. */
    get release() {
        return this.#session.terms?.release ?? '';
    }
    /** The last input that needs no care any more: it is applied and safe, or was reported as dropped. */
    get applied() {
        return this.#session.outbox.applied;
    }
    /** How many inputs are held because they are not known to be applied. */
    get pending() {
        return this.#session.outbox.size;
    }
    /** The last event taken in. */
    get recv() {
        return this.#session.inbox.recv;
    }
    /** The last view; null before the first. */
    get view() {
        return this.#view;
    }
    /** The WebSocket in use; null while there is none. To look at, not to use. */
    get socket() {
        return this.#link.socket;
    }
    /** Calls `listener` from now on; what it returns stops that. */
    on(name, listener) {
        return this.#emitter.on(name, listener);
    }
    /**
     * Sends an input, now or as soon as there is a connection, and again after every break until it is applied.
     * Its number, counted from 1 on this page; false if too much is pending, or the room is ended or only watched.
     * Throws a `RangeError` if the input is larger than the server takes.
     */
    send(input) {
        if (this.#state === 'ended' || this.#settings.watch)
            return false;
        const payload = this.#encode(input);
        const seq = this.#session.outbox.push(input, payload) || this.#coalesce(input);
        if (seq !== false)
            this.#flush();
        return seq;
    }
    /**
     * Gives the seat up. Without a connection the client looks for one for a few seconds more, in the background, to say
     * so; if there is none, the server notices when the seat's time runs out.
     */
    leave() {
        if (this.#state === 'ended')
            return;
        if (this.#settings.watch)
            this.#link.stop();
        else
            this.#link.part(this.#session.seated);
        this.#end({ code: CLOSE.normal, reason: 'left', left: true });
    }
    /** Goes away but keeps the seat and, in the storage, the way back to it: no `end` is told. */
    detach() {
        if (this.#state === 'ended')
            return;
        this.#link.stop();
        this.#keeping.detach();
        this.#clearTimers();
        this.#enter('ended', null);
    }
    #encode(input) {
        const payload = this.#settings.codec.encode(input);
        const max = this.#session.inputBytesMax;
        if (payload.length > max)
            throw new RangeError(`playon: an input of ${payload.length} bytes, ${max} are allowed`);
        return payload;
    }
    #coalesce(input) {
        const { coalesce } = this.#settings;
        if (!coalesce)
            return false;
        const merged = coalesce(this.#session.outbox.waiting(), input);
        return this.#session.outbox.replaceWaiting(merged, merged.map((one) => this.#encode(one)));
    }
    /** The class of the code; but who is refused for good stops, and a room that ended before this page was loaded is not the page's end. */
    #order(why) {
        // Whoever was let in before has met something in between that is not as it was, and has a seat to come back to.
        const stranger = this.#session.terms === null && !this.#session.seated;
        if (stranger && why.status !== undefined && REFUSALS.includes(why.status))
            return 'stop';
        const old = this.#session.remembered && why.code === CLOSE.roomEnded;
        return old ? 'afresh' : closeClass(why.code);
    }
    #hello() {
        const hello = encodeHello(this.#session.hello());
        // Kept before it is sent: no later page may use the same generation again. What was left is not kept.
        if (this.#state !== 'ended')
            this.#keeping.save();
        return hello;
    }
    #up(terms, said) {
        const foreign = this.#foreign(terms);
        if (foreign) {
            this.#link.stop();
            this.#end({ code: CLOSE.version, reason: `${foreign} is not spoken`, left: false });
            return;
        }
        const gap = this.#session.welcome(terms);
        this.#keeping.save();
        // First what is owed to the server: listeners may send more.
        this.#state = 'open';
        this.#pace.allow(terms.framesPerSecond, terms.bytesPerSecond, terms.inputsPendingMax);
        // What it took to get here counts, too.
        this.#pace.said(said.frames, said.bytes);
        const flushed = this.#flush();
        // Until it has heard from this page, the server may take the seat for one that nobody knows of.
        if (terms.mode === 'new' && !flushed)
            this.#confirm();
        this.#tell('state', 'open', null);
        const { mode, release, ttlMs } = terms;
        this.#tell('welcome', { mode, session: this.session, roomId: this.roomId ?? '', release, ttlMs });
        if (gap)
            this.#tell('gap', gap);
    }
    /** What the server speaks that this side does not; null if there is nothing. */
    #foreign({ proto, codec }) {
        if (proto < PROTOCOL.min || proto > PROTOCOL.max)
            return `protocol ${proto}`;
        return codec === this.#settings.codec.id ? null : `payload codec ${codec}`;
    }
    #confirm() {
        const ack = encodeAck(this.#session.inbox.tell());
        this.#pace.said(1, ack.length);
        this.#link.send(ack);
    }
    /** Calls listeners, unless one of them has just ended the room. */
    #tell(name, ...args) {
        if (this.#state !== 'ended')
            this.#emitter.emit(name, ...args);
    }
    #frame(frame) {
        if (frame.type === 'event')
            this.#event(frame.seq, frame.payload);
        else if (frame.type === 'view')
            this.#showView(frame.asOf, frame.payload);
        else if (frame.type === 'now')
            this.#decode(frame.payload, (message) => this.#tell('now', message));
        else if (frame.type === 'ack')
            this.#applied(frame.applied);
        else if (frame.type === 'setAside')
            this.#setAside(frame.inputs, frame.code);
    }
    #event(seq, payload) {
        const arrival = this.#session.event(seq);
        if (arrival === 'duplicate')
            return;
        if (arrival === 'gap')
            throw new FrameError(`event ${seq} came after ${this.recv}`);
        this.#decode(payload, (event) => this.#tell('event', event, seq), () => this.#tell('gap', { reason: 'unreadable', missed: 1, lost: 0, dropped: 0 }));
        this.#ackSoon();
    }
    #showView(asOf, payload) {
        const gap = this.#session.view(asOf);
        if (gap)
            this.#tell('gap', gap);
        this.#decode(payload, (view) => {
            this.#view = view;
            this.#tell('view', view, asOf);
        });
        if (gap)
            this.#ackSoon();
    }
    #setAside(inputs, code) {
        const seqs = this.#session.setAside(inputs);
        if (seqs.length > 0)
            this.#tell('setAside', seqs, `PLY-${String(code).padStart(4, '0')}`);
    }
    #applied(applied) {
        const { lo } = this.#session.outbox;
        const news = this.#session.applied(applied);
        // Also of inputs that the page before this one sent, which are no news here.
        if (this.#session.outbox.lo > lo)
            this.#keeping.soon();
        if (news)
            this.#tell('applied', this.applied);
        this.#flush();
    }
    /** A payload that cannot be decoded would be no better on another connection: it is reported and passed over. */
    #decode(payload, use, unreadable) {
        let value;
        try {
            value = this.#settings.codec.decode(payload);
        }
        catch (error) {
            this.#settings.onError(error);
            unreadable?.();
            return;
        }
        use(value);
    }
    /** Puts on the socket what may be sent, several inputs to a message; whether there was any. */
    #flush() {
        if (this.#state !== 'open')
            return false;
        const { outbox, inbox, inFlightMax } = this.#session;
        let message = [];
        let bytes = 0;
        let any = false;
        const before = this.applied;
        const refused = [];
        const send = () => {
            if (message.length > 0)
                this.#link.send(concat(message));
            message = [];
            bytes = 0;
        };
        for (let next = outbox.nextUnsent(inFlightMax); next; next = outbox.nextUnsent(inFlightMax)) {
            if (next.payload.length > this.#session.inputBytesMax) {
                // It was made when the server took more, or had not said how much it takes, and would be the end of the session.
                outbox.refuse(next.seq);
                refused.push(next.seq);
                continue;
            }
            const frame = encodeInput(outbox.wire(next.seq), inbox.recv, next.payload);
            const wait = this.#pace.input(frame.length);
            if (wait > 0) {
                this.#flushLater(wait);
                break;
            }
            outbox.markSent(next.seq);
            any = true;
            inbox.tell();
            if (message.length === CLIENT_FRAMES_MAX || bytes + frame.length > CLIENT_MESSAGE_BYTES_MAX)
                send();
            message.push(frame);
            bytes += frame.length;
        }
        send();
        if (refused.length > 0)
            this.#tell('setAside', refused, TOO_LARGE);
        if (refused.length > 0 && this.applied > before)
            this.#tell('applied', this.applied);
        return any;
    }
    #flushLater(ms) {
        this.#paceTimer ??= this.#settings.timers.set(() => {
            this.#paceTimer = null;
            this.#flush();
        }, ms);
    }
    #ackSoon() {
        if (this.#state !== 'open')
            return;
        if (this.#session.inbox.untold >= this.#settings.ackEvery)
            this.#ack();
        else
            this.#ackIn(this.#settings.ackMs);
    }
    #ackIn(ms) {
        this.#ackTimer ??= this.#settings.timers.set(() => this.#ack(), ms);
    }
    #ack() {
        this.#clearAckTimer();
        // An input that may leave tells it as well, and is not to wait behind this for ever.
        this.#flush();
        const { inbox } = this.#session;
        if (this.#state !== 'open' || inbox.untold === 0)
            return;
        const ack = encodeAck(inbox.recv);
        const wait = this.#pace.other(ack.length);
        if (wait > 0) {
            this.#ackIn(wait);
            return;
        }
        inbox.tell();
        this.#link.send(ack);
    }
    #clearAckTimer() {
        if (this.#ackTimer !== null)
            this.#settings.timers.clear(this.#ackTimer);
        this.#ackTimer = null;
    }
    #clearTimers() {
        this.#clearAckTimer();
        if (this.#paceTimer !== null)
            this.#settings.timers.clear(this.#paceTimer);
        this.#paceTimer = null;
    }
    #down(why) {
        // A page may be loaded again while the server is away, and has to know what this one knew.
        this.#keeping.flush();
        this.#enter(this.#session.seated ? 'resuming' : 'connecting', why);
    }
    #afresh(why) {
        this.#session.forget();
        this.#keeping.remove();
        this.#enter('connecting', why);
    }
    #end(end) {
        this.#clearTimers();
        // Another page has the seat now: this one's key to it may be the same entry.
        if (end.code !== CLOSE.replaced)
            this.#keeping.remove();
        this.#keeping.stop();
        const gap = this.#session.givenUp();
        if (gap && gap.dropped > 0)
            this.#tell('gap', gap);
        this.#enter('ended', end);
        this.#emitter.emit('end', end);
    }
    #enter(state, why) {
        if (this.#state === state)
            return;
        if (state !== 'open')
            this.#clearTimers();
        this.#state = state;
        this.#emitter.emit('state', state, why);
    }
}
