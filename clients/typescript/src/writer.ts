import { varint } from './varint.js';

const utf8 = new TextEncoder();

/** Joins pieces to one run of bytes. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Writes the fields of one frame in order. */
export class Writer {
  readonly #parts: Uint8Array[] = [];

  /** A number of up to 64 bits. */
  int(value: number | bigint): this {
    return this.rest(varint(value));
  }

  /** Bytes behind their length. */
  bytes(bytes: Uint8Array): this {
    return this.int(bytes.length).rest(bytes);
  }

  /** A string behind its length in bytes. */
  string(text: string): this {
    return this.bytes(utf8.encode(text));
  }

  /** Bytes as they are. */
  rest(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  /** The whole frame: its type, the length of what was written, and that. */
  frame(type: number): Uint8Array {
    const body = concat(this.#parts);
    return concat([Uint8Array.of(type), varint(body.length), body]);
  }
}
