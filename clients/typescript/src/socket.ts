/** The part of a WebSocket that the client uses; the browser's own and `ws` both fit. */
export interface Socket {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** Makes sockets. */
export type SocketConstructor = new (url: string) => Socket;
