import { FrameError } from './frame-error.js';

/** Bytes of the longest varint: 64 bits in groups of 7. */
const VARINT_BYTES_MAX = 10;
const U64_MAX = (1n << 64n) - 1n;

/** The bytes of an unsigned 64-bit number, 7 bits each, lowest first. */
export function varint(value: number | bigint): Uint8Array {
  let rest = BigInt(value);
  if (rest < 0n || rest > U64_MAX) throw new RangeError(`no unsigned 64-bit number: ${value}`);
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** Reads one number at `at`; tells it and where the next byte is. Throws a `FrameError` if there is none. */
export function readVarint(bytes: Uint8Array, at: number): [value: bigint, next: number] {
  let value = 0n;
  for (let index = 0; index < VARINT_BYTES_MAX; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined) throw new FrameError('a number is cut off');
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) {
      if (byte === 0 && index > 0) throw new FrameError('a number is not in its shortest form');
      if (value > U64_MAX) throw new FrameError('a number is over 64 bits');
      return [value, at + index + 1];
    }
  }
  throw new FrameError('a number is over 10 bytes');
}
