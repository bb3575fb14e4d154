/** Bytes from the server that are no frame of this protocol. The connection that brought them is given up. */
export declare class FrameError extends Error {
    readonly name = "FrameError";
}
