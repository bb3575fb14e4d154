import type { ServerFrame } from '../../src/frames.js';
import type { Socket } from '../../src/socket.js';
import { concat } from '../../src/writer.js';
import { type ClientFrame, readClient, writeServer } from './wire.js';

/** A socket whose other end is the test. */
export class FakeSocket implements Socket {
  binaryType = 'blob';
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  /** Whether the client closed it. */
  dropped = false;
  /** Sizes in frames of the messages that came. */
  readonly messages: number[] = [];
  /** Bytes of the messages that came. */
  bytes = 0;
  readonly url: string;
  #said: ClientFrame[] = [];

  constructor(url: string) {
    this.url = url;
  }

  send(data: Uint8Array): void {
    if (this.dropped) throw new Error('the socket is closed');
    const frames = readClient(data);
    this.messages.push(frames.length);
    this.bytes += data.length;
    this.#said.push(...frames);
  }

  close(): void {
    this.dropped = true;
  }

  /** What the client said since the last call. */
  said(): ClientFrame[] {
    const said = this.#said;
    this.#said = [];
    return said;
  }

  /** Forgets the acknowledgement with which a new session answers the welcome, if it has nothing better to say. */
  confirmed(): void {
    const [first] = this.#said;
    if (first?.type !== 'ack' || first.recv !== 0) return;
    this.#said.shift();
    this.messages.pop();
  }

  /** The numbers of the inputs sent since the last call. */
  inputs(): number[] {
    return this.said().flatMap((frame) => (frame.type === 'input' ? [frame.seq] : []));
  }

  /** The HELLO, which must be all the client said since the last call. */
  hello(): Extract<ClientFrame, { type: 'hello' }> {
    const [hello, ...more] = this.said();
    if (hello?.type !== 'hello' || more.length > 0)
      throw new Error('the client said something else than HELLO');
    return hello;
  }

  /** The connection is there. */
  open(): void {
    this.onopen?.({} as never);
  }

  /** Frames reach the client in one message. */
  push(...frames: ServerFrame[]): void {
    this.pushRaw(concat(frames.map(writeServer)));
  }

  /** Bytes reach the client. */
  pushRaw(message: Uint8Array): void {
    this.pushData(message.slice().buffer);
  }

  /** Anything reaches the client. */
  pushData(data: unknown): void {
    this.onmessage?.({ data } as never);
  }

  /** The server answers with an HTTP status instead, as `ws` tells it. */
  refuse(status: number): void {
    this.onerror?.({ message: `Unexpected server response: ${status}` } as never);
    this.end(1006);
  }

  /** The server or the network closes it. */
  end(code: number, reason = ''): void {
    this.dropped = true;
    this.onclose?.({ code, reason } as never);
  }
}
