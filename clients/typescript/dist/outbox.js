/**
 * The inputs that are not known to be applied, oldest first.
 *
 * Inputs are numbered from 1 for the life of the object. A session counts from its own first input, which after a
 * reload or a fresh start is another one: `#shift` is the difference.
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
    #applied = 0;
    #shift = 0;
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
    /** The session's number of the oldest input held, or of the next one if none is. */
    get lo() {
        return this.#applied + 1 + this.#shift;
    }
    /** The session's number of an input. */
    wire(seq) {
        return seq + this.#shift;
    }
    /** The number on this page of an input with this number in the session. */
    ours(wire) {
        return wire - this.#shift;
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
    /** The inputs to put on the socket now, so that no more than `inFlightMax` are sent and not applied. */
    takeUnsent(inFlightMax) {
        const last = this.#applied + inFlightMax;
        const unsent = this.#pending.filter((pending) => pending.seq > this.#sent && pending.seq <= last);
        this.#sent = unsent.at(-1)?.seq ?? this.#sent;
        this.#everSent = Math.max(this.#everSent, this.#sent);
        return unsent;
    }
    /**
     * The server has applied inputs up to `applied`, in the session's numbers. How many are newly known to be;
     * null if that many were never sent.
     */
    ack(applied) {
        const upTo = applied - this.#shift;
        if (upTo > this.#everSent)
            return null;
        this.#sent = Math.max(this.#sent, upTo);
        return this.#settle(upTo);
    }
    /** A session begins with input `inNext`, for this object at least: the oldest one held gets that number. */
    anchor(inNext) {
        this.#shift = inNext - (this.#applied + 1);
        this.#sent = this.#applied;
        this.#everSent = this.#applied;
    }
    /**
     * A connection begins, and the server wants input `inNext` next; whatever is held from there on is sent again.
     * False if the server wants one that was let go or never sent.
     */
    rewind(inNext) {
        const sent = inNext - 1 - this.#shift;
        if (sent < this.#applied || sent > this.#everSent)
            return false;
        this.#sent = sent;
        return true;
    }
    /** Gives up everything held; how many that were. */
    clear() {
        this.#sent = this.#next - 1;
        this.#everSent = this.#sent;
        return this.#settle(this.#next - 1);
    }
    #settle(upTo) {
        const before = this.#pending.length;
        this.#pending = this.#pending.filter((pending) => pending.seq > upTo);
        this.#bytes = sum(this.#pending);
        this.#applied = Math.max(this.#applied, upTo);
        return before - this.#pending.length;
    }
}
function sum(pending) {
    return pending.reduce((total, { payload }) => total + payload.length, 0);
}
