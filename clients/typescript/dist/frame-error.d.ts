/** Bytes from the server that are no frame of this protocol. The connection that brought them is given up. */
export declare class FrameError extends Error {
    readonly name = "FrameError";
}
/** An answer to a HELLO that can be read and makes no sense: its session is given up. */
export declare class TermsError extends Error {
    readonly name = "TermsError";
}
