/** Bytes from the server that are no frame of this protocol. The connection that brought them is given up. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}
