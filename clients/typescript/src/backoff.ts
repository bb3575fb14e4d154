/**
 * The longest wait before each retry, in milliseconds; the last one repeats.
 * The wait itself is drawn evenly between 0 and this, so that a crowd does not come back as one.
 */
export const BACKOFF_MS: readonly number[] = [500, 1_000, 2_000, 4_000, 8_000, 10_000];

/** How long to wait before the next retry. */
export class Backoff {
  readonly #table: readonly number[];
  readonly #random: () => number;
  #attempts = 0;

  /** `table` as `BACKOFF_MS`; `random` gives numbers from 0 up to but without 1. */
  constructor(table: readonly number[], random: () => number) {
    if (table.length === 0) throw new RangeError('the backoff table is empty');
    this.#table = table;
    this.#random = random;
  }

  /** Retries since the last reset. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Milliseconds to wait before the next retry, which this counts. */
  next(): number {
    const longest = this.#table[Math.min(this.#attempts, this.#table.length - 1)] ?? 0;
    this.#attempts += 1;
    return Math.floor(this.#random() * longest);
  }

  /** The next retry is a first one. */
  reset(): void {
    this.#attempts = 0;
  }
}
