/** Bytes of a view that is told as a delta, and of the one that it is told by. Larger ones are told whole. */
export declare const DELTA_VIEW_BYTES_MAX: number;
/**
 * The view that a delta makes of the one before it: new bytes, and copies out of that. Throws a `FrameError` if it is
 * none of that one, or makes more than `max` bytes.
 */
export declare function applyDelta(base: Uint8Array, delta: Uint8Array, max?: number): Uint8Array;
/** The views of one socket, some of them told by what differs from the one that came before. */
export declare class Views {
    #private;
    /** With `deltas` it was said that they are taken. */
    constructor(deltas: boolean);
    /** The bytes of the view that was told so. Throws a `FrameError` if there is no making it out. */
    whole(base: number, payload: Uint8Array): Uint8Array;
}
