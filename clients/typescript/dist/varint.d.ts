/** The bytes of an unsigned 64-bit number, 7 bits each, lowest first. */
export declare function varint(value: number | bigint): Uint8Array;
/** Reads one number at `at`; tells it and where the next byte is. Throws a `FrameError` if there is none. */
export declare function readVarint(bytes: Uint8Array, at: number): [value: bigint, next: number];
