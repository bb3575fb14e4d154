import { MODES, TO_CLIENT, TO_SERVER } from '../../src/constants.js';
import type { Hello, ServerFrame, Welcome } from '../../src/frames.js';
import { Reader } from '../../src/reader.js';
import { Writer } from '../../src/writer.js';

/** What a client says, as a server reads it. */
export type ClientFrame =
  | ({ readonly type: 'hello' } & Hello)
  | { readonly type: 'input'; readonly seq: number; readonly recv: number; readonly payload: string }
  | { readonly type: 'ack'; readonly recv: number }
  | { readonly type: 'bye' }
  | { readonly type: 'pong'; readonly nonce: number };

const text = new TextDecoder();

/** JSON as bytes. */
export function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The frames of a client's message. */
export function readClient(message: Uint8Array): ClientFrame[] {
  const reader = new Reader(message);
  const frames: ClientFrame[] = [];
  while (!reader.done) {
    const type = reader.byte();
    frames.push(readFrame(type, new Reader(reader.bytes())));
  }
  return frames;
}

function readFrame(type: number, body: Reader): ClientFrame {
  switch (type) {
    case TO_SERVER.hello:
      return readHello(body);
    case TO_SERVER.input:
      return { type: 'input', seq: body.int(), recv: body.int(), payload: text.decode(body.rest()) };
    case TO_SERVER.ack:
      return { type: 'ack', recv: body.int() };
    case TO_SERVER.bye:
      return { type: 'bye' };
    case TO_SERVER.pong:
      return { type: 'pong', nonce: body.int() };
    default:
      throw new Error(`no client frame: ${type}`);
  }
}

function flags(bits: number): { watch: boolean; whole: boolean; deltas: boolean } {
  return { watch: (bits & 1) !== 0, whole: (bits & 2) !== 0, deltas: (bits & 4) !== 0 };
}

function readHello(body: Reader): ClientFrame {
  return {
    type: 'hello',
    protoMin: body.int(),
    protoMax: body.int(),
    ...flags(body.int()),
    token: body.bytes(),
    room: body.bytes(),
    kind: body.string(),
    name: body.string(),
    profile: body.bytes(),
    params: body.bytes(),
    history: body.int(),
    generation: body.int(),
    recv: body.int(),
    lo: body.int(),
  };
}

/** A frame of the server. */
export function writeServer(frame: ServerFrame): Uint8Array {
  const out = new Writer();
  switch (frame.type) {
    case 'welcome':
      return writeWelcome(frame);
    case 'event':
      return out.int(frame.seq).rest(frame.payload).frame(TO_CLIENT.event);
    case 'view':
      return out.int(frame.asOf).int(frame.base).rest(frame.payload).frame(TO_CLIENT.view);
    case 'now':
      return out.rest(frame.payload).frame(TO_CLIENT.now);
    case 'ack':
      return out.int(frame.applied).frame(TO_CLIENT.ack);
    case 'ping':
      return out.int(frame.nonce).frame(TO_CLIENT.ping);
    case 'move':
      return out
        .string(frame.url)
        .bytes(frame.ticket)
        .int(frame.windowMs)
        .int(frame.deadlineMs)
        .frame(TO_CLIENT.move);
    case 'setAside': {
      out.int(frame.code);
      for (const seq of frame.inputs) out.int(seq);
      return out.frame(TO_CLIENT.setAside);
    }
  }
}

function writeWelcome(terms: Welcome): Uint8Array {
  return new Writer()
    .int(terms.proto)
    .int(MODES.indexOf(terms.mode))
    .int(terms.codec)
    .bytes(terms.token)
    .bytes(terms.room)
    .int(terms.history)
    .int(terms.generation)
    .int(terms.inNext)
    .int(terms.eventSeq)
    .int(terms.lost)
    .int(terms.ttlMs)
    .int(terms.pingMs)
    .int(terms.inputBytesMax)
    .int(terms.inputsPendingMax)
    .int(terms.framesPerSecond)
    .int(terms.bytesPerSecond)
    .string(terms.release)
    .frame(TO_CLIENT.welcome);
}
