import { fromHex, toHex, toUuid } from './bytes.js';
import { DEFAULTS, GENERATION_MAX, PROTOCOL, ROOM_BYTES, TOKEN_BYTES } from './constants.js';
import { FrameError, TermsError } from './frame-error.js';
import { Inbox } from './inbox.js';
const NOTHING = new Uint8Array();
/**
 * One player's numbered conversation with a room, which outlives connections.
 *
 * It knows no socket and no clock: what it is told are frames, what it gives out are frames to send.
 */
export class Session {
    inbox = new Inbox();
    outbox;
    #request;
    #token = NOTHING;
    #room = NOTHING;
    #history = 0;
    #generation = 0;
    /** First input that was not acknowledged; what a reloaded page has to go by instead of the outbox. */
    #lo = 1;
    /** Whether this object, and not just the page before the reload, was welcomed into the session. */
    #known = false;
    /** The last event that was taken in when the session was put away with `detach`; null if it was not. */
    #left = null;
    /** Inputs given up with the last session, to be reported with the next one. */
    #dropped = null;
    #terms = null;
    constructor(request, outbox) {
        this.#request = request;
        this.#room = request.room;
        this.outbox = outbox;
    }
    /** Whether there is a seat to come back to. */
    get seated() {
        return this.#token.length > 0;
    }
    /** Whether the seat is one that this page has only read about in its storage. */
    get remembered() {
        return this.seated && !this.#known;
    }
    /** The session's id, which is the player's id in the game; null without one. */
    get id() {
        if (!this.seated)
            return null;
        const view = new DataView(this.#token.buffer, this.#token.byteOffset, TOKEN_BYTES);
        return Number(view.getBigUint64(0));
    }
    /** The room's id; null before it is known. */
    get roomId() {
        return this.#room.length === ROOM_BYTES ? toUuid(this.#room) : null;
    }
    /** The last answer of the server; null before it. */
    get terms() {
        return this.#terms;
    }
    /** Inputs that may be sent and not applied. */
    get inFlightMax() {
        return this.#terms?.inputsPendingMax ?? 0;
    }
    /** Bytes of one input. */
    get inputBytesMax() {
        return this.#terms?.inputBytesMax ?? DEFAULTS.inputBytesMax;
    }
    /** The first frame of a new socket. Each is of a higher generation than all before it. */
    hello() {
        this.#generation = Math.min(this.#generation + 1, GENERATION_MAX);
        const { watch, deltas, kind, name, profile, params } = this.#request;
        return {
            protoMin: PROTOCOL.min,
            protoMax: PROTOCOL.max,
            watch,
            deltas,
            token: this.#token,
            room: this.#room,
            kind,
            name,
            profile: this.seated ? NOTHING : profile,
            params: this.seated ? NOTHING : params,
            // A page that was reloaded has seen nothing, whatever the one before it had.
            whole: this.seated && !this.#known,
            history: this.#history,
            generation: this.#generation,
            recv: this.#known ? this.inbox.recv : 0,
            lo: this.#known ? this.outbox.lo : this.#lo,
        };
    }
    /** The server's answer; what the page has to be told was missed, if anything. Throws a `TermsError`. */
    welcome(terms) {
        this.#check(terms);
        const gap = this.#enter(terms);
        if (terms.token.length > 0)
            this.#token = terms.token;
        this.#room = terms.room;
        this.#history = terms.history;
        this.#generation = Math.max(this.#generation, terms.generation);
        this.#terms = terms;
        this.#known = true;
        this.#left = null;
        return gap;
    }
    /** Event `seq` came in. */
    event(seq) {
        return this.inbox.event(seq);
    }
    /** A view as of event `asOf` came in. */
    view(asOf) {
        const missed = this.inbox.view(asOf);
        return missed > 0 ? { reason: 'view', missed, lost: 0, dropped: 0 } : null;
    }
    /** Inputs up to `applied` are applied and safe; whether that was news. */
    applied(applied) {
        const freed = this.outbox.ack(applied);
        if (freed === null)
            throw new FrameError('an input that was never sent is acknowledged');
        return freed > 0;
    }
    /** These inputs were set aside; the numbers that this page knows them by, without those it was told of before. */
    setAside(inputs) {
        return inputs
            .filter((seq) => seq >= this.outbox.lo)
            .map((seq) => this.outbox.ours(seq))
            .filter((seq) => seq > 0);
    }
    /** Gives the session up, to begin another one with the next socket. */
    forget() {
        if (this.seated || this.#known)
            this.#dropped = (this.#dropped ?? 0) + this.outbox.clear();
        this.#token = NOTHING;
        this.#room = this.#request.room;
        this.#history = 0;
        this.#generation = 0;
        this.#lo = 1;
        this.#known = false;
        this.#left = null;
    }
    /** What went with sessions that were given up, once; null if none was. */
    givenUp() {
        const dropped = this.#dropped;
        this.#dropped = null;
        return dropped === null ? null : { reason: 'afresh', missed: null, lost: 0, dropped };
    }
    /** What a reloaded page needs to come back to its seat; null without one. `detached` if this page goes on without it. */
    save(detached = false) {
        if (!this.seated)
            return null;
        return JSON.stringify({
            token: toHex(this.#token),
            room: toHex(this.#room),
            generation: this.#generation,
            history: this.#history,
            lo: this.#known ? this.outbox.lo : this.#lo,
            ...(detached && this.#known ? { left: this.inbox.recv } : {}),
        });
    }
    /** Whether that is what a later page, or one of another session, has saved. */
    outdated(saved) {
        const { token, generation } = parse(saved);
        if (token === undefined)
            return false;
        return token !== toHex(this.#token) || Number(generation) > this.#generation;
    }
    /** Takes up what `save` told, if it can be read; whether there is a seat now. */
    restore(saved) {
        const parsed = parse(saved);
        const token = fromHex(String(parsed.token));
        const room = fromHex(String(parsed.room));
        const generation = Number(parsed.generation);
        const lo = Number(parsed.lo);
        const history = Number(parsed.history ?? 0);
        const left = parsed.left === undefined ? null : Number(parsed.left);
        if (token?.length !== TOKEN_BYTES || room?.length !== ROOM_BYTES)
            return false;
        if (!Number.isSafeInteger(generation) || generation < 0 || !Number.isSafeInteger(lo) || lo < 1)
            return false;
        this.#token = token;
        this.#room = room;
        this.#generation = generation;
        this.#lo = lo;
        this.#history = Number.isSafeInteger(history) && history >= 0 ? history : 0;
        this.#left = left !== null && Number.isSafeInteger(left) && left >= 0 ? left : null;
        return true;
    }
    /** Refuses an answer that makes no sense. */
    #check(terms) {
        const { watch } = this.#request;
        const asked = watch ? 'watching' : this.seated ? 'resumed' : 'new';
        const answered = terms.mode === 'fresh' ? 'resumed' : terms.mode;
        if (answered !== asked)
            throw new TermsError(`welcomed as ${terms.mode} instead of ${asked}`);
        if (watch)
            return;
        if (asked === 'new' && terms.token.length === 0)
            throw new TermsError('a new session without a token');
        const { inNext } = terms;
        const possible = asked === 'new' ? inNext === 1 : this.#known ? this.outbox.possible(inNext) : inNext >= this.#lo;
        if (!possible)
            throw new TermsError('an input is wanted that is not there');
    }
    #enter(terms) {
        const first = !this.#known;
        const resumed = !first && terms.mode === 'resumed';
        const last = first ? this.#left : this.inbox.recv;
        const missed = terms.history === this.#history ? Math.max(0, terms.eventSeq - (last ?? terms.eventSeq)) : null;
        if (terms.mode !== 'watching') {
            if (first)
                this.outbox.anchor(terms.inNext, this.seated ? this.#lo : 1);
            else
                this.outbox.rewind(terms.inNext);
        }
        if (!resumed)
            this.inbox.restart(terms.eventSeq);
        // One loss is told until this side has shown the history that it led to.
        const lost = terms.history === this.#history ? 0 : terms.lost;
        const given = this.givenUp();
        if (given)
            return { ...given, lost };
        const whole = resumed || (first && this.#left === null) ? 0 : missed;
        return whole === 0 && lost === 0 ? null : { reason: 'fresh', missed: whole, lost, dropped: 0 };
    }
}
function parse(saved) {
    try {
        const value = JSON.parse(saved ?? '{}');
        return typeof value === 'object' && value !== null ? value : {};
    }
    catch {
        return {};
    }
}
