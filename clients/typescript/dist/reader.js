import { FrameError } from './frame-error.js';
import { readVarint } from './varint.js';
// A byte order mark at the beginning is a character of the string like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Reads the fields of one frame in order. Every method throws a `FrameError` if the field is not there. */
export class Reader {
    #bytes;
    #at = 0;
    constructor(bytes) {
        this.#bytes = bytes;
    }
    /** Whether every byte was read. */
    get done() {
        return this.#at >= this.#bytes.length;
    }
    /** One byte. */
    byte() {
        const byte = this.#bytes[this.#at];
        if (byte === undefined)
            throw new FrameError('a frame is cut off');
        this.#at += 1;
        return byte;
    }
    /** A number of up to 64 bits. */
    big() {
        const [value, next] = readVarint(this.#bytes, this.#at);
        this.#at = next;
        return value;
    }
    /** A number that a JavaScript number holds exactly; a larger one is an error. */
    int() {
        const byte = this.#bytes[this.#at];
        // Nearly all of them, and without the detour.
        if (byte !== undefined && byte < 0x80) {
            this.#at += 1;
            return byte;
        }
        const value = Number(this.big());
        if (!Number.isSafeInteger(value))
            throw new FrameError('a number is over 53 bits');
        return value;
    }
    /** Numbers up to the end. */
    ints() {
        const ints = [];
        while (!this.done)
            ints.push(this.int());
        return ints;
    }
    /** A limit or a duration: one too large to hold exactly counts as the largest that fits. */
    limit() {
        return Math.min(Number(this.big()), Number.MAX_SAFE_INTEGER);
    }
    /** `length` bytes. */
    take(length) {
        if (length > this.#bytes.length - this.#at)
            throw new FrameError('a frame is cut off');
        const bytes = this.#bytes.subarray(this.#at, this.#at + length);
        this.#at += length;
        return bytes;
    }
    /** Bytes behind their length. */
    bytes() {
        return this.take(this.limit());
    }
    /** A string behind its length in bytes. */
    string() {
        try {
            return utf8.decode(this.bytes());
        }
        catch (error) {
            if (error instanceof FrameError)
                throw error;
            throw new FrameError('a string is not UTF-8');
        }
    }
    /** Everything that is left. */
    rest() {
        return this.take(this.#bytes.length - this.#at);
    }
}
