import { FrameError } from './frame-error.js';
import { Reader } from './reader.js';
/** Bytes of a view that is told as a delta, and of the one that it is told by. Larger ones are told whole. */
export const DELTA_VIEW_BYTES_MAX = 64 * 1024;
/** A number of new bytes that goes on in an int of its own. */
const MORE = 3;
/**
 * The view that a delta makes of the one before it: new bytes, and copies out of that. Throws a `FrameError` if it is
 * none of that one, or makes more than `max` bytes.
 */
export function applyDelta(base, delta, max = DELTA_VIEW_BYTES_MAX) {
    const reader = new Reader(delta);
    const length = reader.limit();
    if (length > max)
        throw fault(`makes ${length} bytes, ${max} are allowed`);
    const view = new Uint8Array(length);
    let made = 0;
    /** Where the last copy ended. */
    let end = 0;
    while (made < length) {
        const head = reader.int();
        const copied = Math.floor(head / 8);
        const few = (head >> 1) & 3;
        const added = few < MORE ? few : few + reader.int();
        if (added + copied === 0)
            throw fault('has a step that makes nothing');
        if (added + copied > length - made)
            throw fault(`makes more than the ${length} bytes that it says`);
        view.set(reader.take(added), made);
        made += added;
        const distance = (head & 1) === 0 ? 0 : signed(reader.int());
        if (copied === 0)
            continue;
        const from = end + added + distance;
        end = from + copied;
        if (from < 0 || end > base.length)
            throw fault(`copies ${copied} bytes from ${from} of ${base.length}`);
        view.set(base.subarray(from, end), made);
        made += copied;
    }
    if (!reader.done)
        throw fault('goes on behind its end');
    return view;
}
/** The lowest bit is the sign, so that both directions are short: 0, -1, 1, -2, 2 ... */
function signed(int) {
    return int % 2 === 0 ? int / 2 : -(int + 1) / 2;
}
function fault(what) {
    return new FrameError(`PLY-0188 a view told as a delta ${what}`);
}
/** The views of one socket, some of them told by what differs from the one that came before. */
export class Views {
    #deltas;
    /** The last one that came, whatever became of it. */
    #base = null;
    /** With `deltas` it was said that they are taken. */
    constructor(deltas) {
        this.#deltas = deltas;
    }
    /** The bytes of the view that was told so. Throws a `FrameError` if there is no making it out. */
    whole(base, payload) {
        if (base > 1 || (base === 1 && !this.#deltas))
            throw new FrameError('a view that is not whole');
        if (base === 1 && !this.#base)
            throw fault('has no other before it');
        const view = base === 1 && this.#base ? applyDelta(this.#base, payload) : payload;
        // Of its own, as whoever is shown it may write there, and so that the message need not be kept.
        this.#base = this.#deltas && view.length <= DELTA_VIEW_BYTES_MAX ? view.slice() : null;
        return view;
    }
}
