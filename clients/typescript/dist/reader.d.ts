/** Reads the fields of one frame in order. Every method throws a `FrameError` if the field is not there. */
export declare class Reader {
    #private;
    constructor(bytes: Uint8Array);
    /** Whether every byte was read. */
    get done(): boolean;
    /** One byte. */
    byte(): number;
    /** A number of up to 64 bits. */
    big(): bigint;
    /** A number that a JavaScript number holds exactly; a larger one is an error. */
    int(): number;
    /** Numbers up to the end. */
    ints(): number[];
    /** A limit or a duration: one too large to hold exactly counts as the largest that fits. */
    limit(): number;
    /** `length` bytes. */
    take(length: number): Uint8Array;
    /** Bytes behind their length. */
    bytes(): Uint8Array;
    /** A string behind its length in bytes. */
    string(): string;
    /** Everything that is left. */
    rest(): Uint8Array;
}
