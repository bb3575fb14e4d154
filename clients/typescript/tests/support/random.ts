/** Random numbers by seed: the same seed, the same story (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return Math.floor((((z ^ (z >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  /** One of these. */
  pick<T>(choices: readonly T[]): T {
    const found = choices[this.below(choices.length)];
    if (found === undefined) throw new RangeError('nothing to choose from');
    return found;
  }

  /** A list of up to `max` things. */
  list<T>(max: number, make: () => T): T[] {
    return Array.from({ length: this.below(max + 1) }, make);
  }

  /** Up to `max` bytes, of which the awkward ones are frequent. */
  bytes(max: number): Uint8Array {
    return Uint8Array.from(this.list(max, () => this.byte()));
  }

  /** A byte, often one at an edge of what a varint or a frame type can be. */
  byte(): number {
    return this.below(3) === 0 ? this.pick([0x00, 0x01, 0x7f, 0x80, 0xff, 0x11, 0x17]) : this.below(256);
  }

  /** A number of up to `bits` bits; every length is as likely as any other. */
  big(bits: number): bigint {
    const wanted = BigInt(this.below(bits + 1));
    let value = 0n;
    for (let have = 0; have < bits; have += 16) value = (value << 16n) | BigInt(this.below(1 << 16));
    return value & ((1n << wanted) - 1n);
  }

  /** A number that JavaScript holds exactly. */
  int(): number {
    return this.below(10) === 0 ? Number.MAX_SAFE_INTEGER : Number(this.big(53));
  }

  /** Text of whole characters, from one byte to four. */
  text(max: number): string {
    const characters = ['a', '/', '\0', 'ö', '€', '\ufeff', '\uffff', '🂡', '"'];
    return this.list(max, () => this.pick(characters)).join('');
  }
}
