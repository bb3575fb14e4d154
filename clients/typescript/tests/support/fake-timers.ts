import type { Timers } from '../../src/timers.js';

interface Pending {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands until it is told to go, and fires timers in their order. */
export class FakeTimers implements Timers {
  #now = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return this.#now;
  }

  set(run: () => void, ms: number): unknown {
    const pending = { at: this.#now + Math.max(0, ms), run };
    this.#pending.add(pending);
    return pending;
  }

  clear(timer: unknown): void {
    this.#pending.delete(timer as Pending);
  }

  /** How many timers are set. */
  get size(): number {
    return this.#pending.size;
  }

  /** Lets `ms` milliseconds pass. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#due(until); next; next = this.#due(until)) {
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = until;
  }

  /** Lets `ms` milliseconds pass in which no timer fires, as in a page that sleeps. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  #due(until: number): Pending | undefined {
    return [...this.#pending].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
  }
}
