/** What to do with an event that came in. */
export type Arrival = 'next' | 'duplicate' | 'gap';

/** Which events were taken in, and which of them the server knows about. */
export class Inbox {
  #recv = 0;
  #told = 0;

  /** The last event taken in. */
  get recv(): number {
    return this.#recv;
  }

  /** Events taken in of which the server has not been told. */
  get untold(): number {
    return this.#recv - this.#told;
  }

  /** Takes event `seq` in if it is the next one. A gap leaves everything as it was. */
  event(seq: number): Arrival {
    if (seq <= this.#recv) return 'duplicate';
    if (seq > this.#recv + 1) return 'gap';
    this.#recv = seq;
    return 'next';
  }

  /** Takes a view as of event `asOf` in; how many events it came instead of. */
  view(asOf: number): number {
    const missed = Math.max(0, asOf - this.#recv);
    this.#recv += missed;
    return missed;
  }

  /** The server is being told of `recv`; tells it. */
  tell(): number {
    this.#told = this.#recv;
    return this.#recv;
  }

  /** Goes on after event `seq`, wherever it was before. */
  restart(seq: number): void {
    this.#recv = seq;
    this.#told = seq;
  }
}
