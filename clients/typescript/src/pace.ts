import type { Timers } from './timers.js';

/** The part of what the server takes that inputs may use; the rest is for acknowledgements and answers to pings. */
const SHARE = 0.8;

/** How fast inputs may leave: as many at once as may be on their way, or as one second brings, and then at the server's pace. */
export class Pace {
  readonly #timers: Timers;
  readonly #frames = new Bucket();
  readonly #bytes = new Bucket();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /**
   * The server takes this much a second from now on, 0 for as much as comes; and `framesAtOnce` at once, all that may be
   * on their way, so that a new connection can repeat them.
   */
  allow(framesPerSecond: number, bytesPerSecond: number, framesAtOnce: number): void {
    const now = this.#timers.now();
    this.#frames.allow(framesPerSecond * SHARE, Math.max(framesPerSecond, framesAtOnce), now);
    this.#bytes.allow(bytesPerSecond * SHARE, bytesPerSecond, now);
  }

  /** Takes a frame of so many bytes along, and says 0; or the milliseconds to wait before asking again. */
  take(bytes: number): number {
    const now = this.#timers.now();
    const wait = Math.max(this.#frames.wait(1, now), this.#bytes.wait(bytes, now));
    if (wait > 0) return Math.ceil(wait);
    this.#frames.spend(1);
    this.#bytes.spend(bytes);
    return 0;
  }
}

/** Fills up with time. */
class Bucket {
  #perSecond = 0;
  #most = 0;
  #level = 0;
  #at = 0;

  allow(perSecond: number, most: number, now: number): void {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#level = most;
    this.#at = now;
  }

  wait(cost: number, now: number): number {
    if (this.#perSecond <= 0) return 0;
    this.#level = Math.min(this.#most, this.#level + ((now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
    // What is larger than the bucket leaves when that is full.
    const missing = Math.min(cost, this.#most) - this.#level;
    return missing > 0 ? Math.max(1, (missing * 1_000) / this.#perSecond) : 0;
  }

  spend(cost: number): void {
    this.#level -= cost;
  }
}
