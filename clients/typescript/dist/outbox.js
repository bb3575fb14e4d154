/**
 * The inputs that are not known to be applied, oldest first.
 *
 * Inputs are numbered from 1 for the life of the object. A session counts from its own first input, which after a
 * reload or a fresh start is another one: `#shift` is the difference. One that is refused has no number in the session,
 * and those behind it move up there.
 */
export class Outbox {
    #inputsMax;
    #bytesMax;
    #pending = [];
    #bytes = 0;
    #next = 1;
    /** The last one put on the current connection. */
    #sent = 0;
    /** The last one put on any connection of the session. */
    #everSent = 0;
    /** The last one known to be applied, or given up. */
    #applied = 0;
    #shift = 0;
    /** Refused inputs behind `#applied`, lowest first. */
    #refused = [];
    /** The session's number of the last input that was acknowledged, perhaps one of an earlier page. */
    #acked = 0;
    /** At `inputsMax` inputs or `bytesMax` bytes of them a further one is refused. */
    constructor(inputsMax, bytesMax) {
        this.#inputsMax = inputsMax;
        this.#bytesMax = bytesMax;
    }
    /** The last input known to be applied, or given up with its session. */
    get applied() {
        return this.#applied;
    }
    /** How many are held. */
    get size() {
        return this.#pending.length;
    }
    /** Bytes of those held. */
    get bytes() {
        return this.#bytes;
    }
    /** The session's number of the first input that was not acknowledged: all before were. */
    get lo() {
        return this.#acked + 1;
    }
    /** The session's number of an input that is held. */
    wire(seq) {
        return seq + this.#shift - this.#refused.filter((one) => one < seq).length;
    }
    /** The number on this page of an input with this number in the session; below 1 if an earlier page sent it. */
    ours(wire) {
        return this.#refused.reduce((seq, one) => (one <= seq ? seq + 1 : seq), wire - this.#shift);
    }
    /** Holds an input; its number, or false if there is no room for it. */
    push(input, payload) {
        if (this.#pending.length >= this.#inputsMax)
            return false;
        if (this.#bytes + payload.length > this.#bytesMax)
            return false;
        const seq = this.#next;
        this.#next += 1;
        this.#bytes += payload.length;
        this.#pending.push({ seq, input, payload });
        return seq;
    }
    /** The inputs that were never on a socket, which `replaceWaiting` may change. */
    waiting() {
        return this.#pending.filter((pending) => pending.seq > this.#everSent).map((pending) => pending.input);
    }
    /**
     * Puts others in the place of the inputs that were never on a socket, if they fit; else nothing changes.
     * The last one's number, or false. Numbers given out for inputs that were merged away are given out again.
     */
    replaceWaiting(inputs, payloads) {
        const kept = this.#pending.filter((pending) => pending.seq <= this.#everSent);
        const bytes = sum(kept) + payloads.reduce((total, payload) => total + payload.length, 0);
        if (inputs.length === 0 || kept.length + inputs.length > this.#inputsMax || bytes > this.#bytesMax)
            return false;
        this.#pending = kept;
        this.#bytes = sum(kept);
        this.#next = this.#everSent + 1;
        let last = false;
        inputs.forEach((input, at) => {
            last = this.push(input, payloads[at] ?? new Uint8Array());
        });
        return last;
    }
    /**
     * The input to put on the socket next; null if there is none, or if as many of the session as `inFlightMax`, those of
     * an earlier page included, are on their way and not acknowledged.
     */
    nextUnsent(inFlightMax) {
        const last = this.ours(this.#acked + inFlightMax);
        return this.#pending.find(({ seq }) => seq > this.#sent && seq <= last) ?? null;
    }
    /** That input is on the socket. */
    markSent(seq) {
        this.#sent = seq;
        this.#everSent = Math.max(this.#everSent, seq);
    }
    /**
     * Gives up the input to put on the socket next, which the server does not have and would not take. It counts as dealt
     * with, and the session has no number for it.
     */
    refuse(seq) {
        this.markSent(seq);
        this.#pending = this.#pending.filter((pending) => pending.seq !== seq);
        this.#bytes = sum(this.#pending);
        this.#refused.push(seq);
        this.#settle(this.#applied);
    }
    /**
     * The server has applied inputs up to `applied`, in the session's numbers. How many of this page are newly known to
     * be; null if that many were never sent.
     */
    ack(applied) {
        const upTo = this.ours(applied);
        if (upTo > this.#everSent)
            return null;
        this.#acked = Math.max(this.#acked, applied);
        this.#sent = Math.max(this.#sent, upTo);
        return this.#settle(upTo);
    }
    /** A session of which inputs below `lo` are acknowledged, taken up where the server wants `inNext` next. */
    anchor(inNext, lo) {
        this.#acked = lo - 1;
        this.#renumber(inNext);
    }
    /** Whether the server can want input `inNext` next: not one that was acknowledged, or never sent. */
    possible(inNext) {
        return inNext > this.#acked && this.ours(inNext - 1) <= this.#everSent;
    }
    /** A connection begins, and the server wants input `inNext` next; whatever is held from there on is sent again. */
    rewind(inNext) {
        const sent = this.ours(inNext - 1);
        if (sent < this.#applied) {
            // Inputs that an earlier page sent were received and are gone with the server, as is whatever came after them.
            this.#renumber(inNext);
        }
        else {
            this.#sent = sent;
        }
    }
    /** Gives up everything held; how many that were. */
    clear() {
        this.#acked = 0;
        this.#sent = this.#next - 1;
        this.#everSent = this.#sent;
        return this.#settle(this.#next - 1);
    }
    /** The oldest input held, or the next one, has this number in the session. */
    #renumber(inNext) {
        this.#shift = inNext - (this.#applied + 1);
        this.#sent = this.#applied;
        this.#everSent = this.#applied;
    }
    /** Lets go of inputs up to this one, and of refused ones right behind it; how many were held. */
    #settle(upTo) {
        const before = this.#pending.length;
        this.#pending = this.#pending.filter((pending) => pending.seq > upTo);
        this.#bytes = sum(this.#pending);
        this.#applied = Math.max(this.#applied, upTo);
        while (this.#refused.includes(this.#applied + 1))
            this.#applied += 1;
        const behind = this.#refused.filter((one) => one > this.#applied);
        this.#shift -= this.#refused.length - behind.length;
        this.#refused = behind;
        this.#sent = Math.max(this.#sent, this.#applied);
        return before - this.#pending.length;
    }
}
function sum(pending) {
    return pending.reduce((total, { payload }) => total + payload.length, 0);
}
