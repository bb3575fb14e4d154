/** Joins pieces to one run of bytes. */
export declare function concat(parts: readonly Uint8Array[]): Uint8Array;
/** Writes the fields of one frame in order. */
export declare class Writer {
    #private;
    /** A number of up to 64 bits. */
    int(value: number | bigint): this;
    /** Bytes behind their length. */
    bytes(bytes: Uint8Array): this;
    /** A string behind its length in bytes. */
    string(text: string): this;
    /** Bytes as they are. */
    rest(bytes: Uint8Array): this;
    /** The whole frame: its type, the length of what was written, and that. */
    frame(type: number): Uint8Array;
}
