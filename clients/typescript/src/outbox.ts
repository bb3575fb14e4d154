/** An input that is not known to be applied. */
export interface Pending<Input> {
  /** Its number on this page. */
  readonly seq: number;
  readonly input: Input;
  readonly payload: Uint8Array;
}

/** Merges inputs that wait for a connection. */
export type Coalesce<Input> = (waiting: readonly Input[], next: Input) => readonly Input[];

/**
 * The inputs that are not known to be applied, oldest first.
 *
 * Inputs are numbered from 1 for the life of the object. A session counts from its own first input, which after a
 * reload or a fresh start is another one: `#shift` is the difference.
 */
export class Outbox<Input> {
  readonly #inputsMax: number;
  readonly #bytesMax: number;
  #pending: Pending<Input>[] = [];
  #bytes = 0;
  #next = 1;
  /** The last one put on the current connection. */
  #sent = 0;
  /** The last one put on any connection of the session. */
  #everSent = 0;
  #applied = 0;
  #shift = 0;

  /** At `inputsMax` inputs or `bytesMax` bytes of them a further one is refused. */
  constructor(inputsMax: number, bytesMax: number) {
    this.#inputsMax = inputsMax;
    this.#bytesMax = bytesMax;
  }

  /** The last input known to be applied, or given up with its session. */
  get applied(): number {
    return this.#applied;
  }

  /** How many are held. */
  get size(): number {
    return this.#pending.length;
  }

  /** Bytes of those held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The session's number of the oldest input held, or of the next one if none is. */
  get lo(): number {
    return this.#applied + 1 + this.#shift;
  }

  /** The session's number of an input. */
  wire(seq: number): number {
    return seq + this.#shift;
  }

  /** The number on this page of an input with this number in the session. */
  ours(wire: number): number {
    return wire - this.#shift;
  }

  /** Holds an input; its number, or false if there is no room for it. */
  push(input: Input, payload: Uint8Array): number | false {
    if (this.#pending.length >= this.#inputsMax) return false;
    if (this.#bytes + payload.length > this.#bytesMax) return false;
    const seq = this.#next;
    this.#next += 1;
    this.#bytes += payload.length;
    this.#pending.push({ seq, input, payload });
    return seq;
  }

  /** The inputs that were never on a socket, which `replaceWaiting` may change. */
  waiting(): Input[] {
    return this.#pending.filter((pending) => pending.seq > this.#everSent).map((pending) => pending.input);
  }

  /**
   * Puts others in the place of the inputs that were never on a socket, if they fit; else nothing changes.
   * The last one's number, or false. Numbers given out for inputs that were merged away are given out again.
   */
  replaceWaiting(inputs: readonly Input[], payloads: readonly Uint8Array[]): number | false {
    const kept = this.#pending.filter((pending) => pending.seq <= this.#everSent);
    const bytes = sum(kept) + payloads.reduce((total, payload) => total + payload.length, 0);
    if (inputs.length === 0 || kept.length + inputs.length > this.#inputsMax || bytes > this.#bytesMax)
      return false;
    this.#pending = kept;
    this.#bytes = sum(kept);
    this.#next = this.#everSent + 1;
    let last: number | false = false;
    inputs.forEach((input, at) => {
      last = this.push(input, payloads[at] ?? new Uint8Array());
    });
    return last;
  }

  /** The inputs to put on the socket now, so that no more than `inFlightMax` are sent and not applied. */
  takeUnsent(inFlightMax: number): Pending<Input>[] {
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
  ack(applied: number): number | null {
    const upTo = applied - this.#shift;
    if (upTo > this.#everSent) return null;
    this.#sent = Math.max(this.#sent, upTo);
    return this.#settle(upTo);
  }

  /** A session begins with input `inNext`, for this object at least: the oldest one held gets that number. */
  anchor(inNext: number): void {
    this.#shift = inNext - (this.#applied + 1);
    this.#sent = this.#applied;
    this.#everSent = this.#applied;
  }

  /**
   * A connection begins, and the server wants input `inNext` next; whatever is held from there on is sent again.
   * False if the server wants one that was let go or never sent.
   */
  rewind(inNext: number): boolean {
    const sent = inNext - 1 - this.#shift;
    if (sent < this.#applied || sent > this.#everSent) return false;
    this.#sent = sent;
    return true;
  }

  /** Gives up everything held; how many that were. */
  clear(): number {
    this.#sent = this.#next - 1;
    this.#everSent = this.#sent;
    return this.#settle(this.#next - 1);
  }

  #settle(upTo: number): number {
    const before = this.#pending.length;
    this.#pending = this.#pending.filter((pending) => pending.seq > upTo);
    this.#bytes = sum(this.#pending);
    this.#applied = Math.max(this.#applied, upTo);
    return before - this.#pending.length;
  }
}

function sum(pending: readonly Pending<unknown>[]): number {
  return pending.reduce((total, { payload }) => total + payload.length, 0);
}
