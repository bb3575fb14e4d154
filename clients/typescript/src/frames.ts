import {
  MODES,
  type Mode,
  ROOM_BYTES,
  SERVER_FRAMES_MAX,
  SKIPPABLE,
  TO_CLIENT,
  TO_SERVER,
  TOKEN_BYTES,
} from './constants.js';
import { FrameError } from './frame-error.js';
import { Reader } from './reader.js';
import { Writer } from './writer.js';

/** The first frame of every socket: who is there and where it left off. */
export interface Hello {
  readonly protoMin: number;
  readonly protoMax: number;
  /** Wants to look on, not to play. */
  readonly watch: boolean;
  /** Wants a whole view to begin with, whatever events could be repeated. */
  readonly whole: boolean;
  /** Takes views that are told by what differs from the one before. */
  readonly deltas: boolean;
  /** Empty, or what `Welcome.token` said. */
  readonly token: Uint8Array;
  /** Empty, or the room's id. */
  readonly room: Uint8Array;
  readonly kind: string;
  readonly name: string;
  readonly profile: Uint8Array;
  readonly params: Uint8Array;
  /** What `recv` counts in; 0 if this client has seen no event. */
  readonly history: number;
  /** Higher than that of every earlier socket of the session. */
  readonly generation: number;
  /** The last event taken in. */
  readonly recv: number;
  /** The first input that was not acknowledged; all before were, by an ACK. */
  readonly lo: number;
}

/** The terms of a session. */
export interface Welcome {
  readonly type: 'welcome';
  readonly proto: number;
  readonly mode: Mode;
  /** How payloads are encoded; 0 is JSON. */
  readonly codec: number;
  /** To show at the next HELLO; empty if the one the client has stays good. */
  readonly token: Uint8Array;
  readonly room: Uint8Array;
  readonly history: number;
  readonly generation: number;
  /** The input the server wants next: those before have arrived, which does not acknowledge them. */
  readonly inNext: number;
  /** The event after which events go on over this socket. */
  readonly eventSeq: number;
  /** Inputs once acknowledged that the server lost in a crash. */
  readonly lost: number;
  /** Milliseconds the seat is kept without a socket. */
  readonly ttlMs: number;
  /** Milliseconds of silence after which the server asks for a sign of life. */
  readonly pingMs: number;
  /** Bytes of one input. */
  readonly inputBytesMax: number;
  /** Inputs that may be sent and not yet applied. */
  readonly inputsPendingMax: number;
  /** Frames that may be sent a second in the long run; 0 for any number. */
  readonly framesPerSecond: number;
  /** Bytes of messages that may be sent a second in the long run; 0 for any number. */
  readonly bytesPerSecond: number;
  /** Name of the release the room runs on. */
  readonly release: string;
}

/** Everything the server says. */
export type ServerFrame =
  | Welcome
  | { readonly type: 'event'; readonly seq: number; readonly payload: Uint8Array }
  | { readonly type: 'view'; readonly asOf: number; readonly base: number; readonly payload: Uint8Array }
  | { readonly type: 'now'; readonly payload: Uint8Array }
  | { readonly type: 'ack'; readonly applied: number }
  | { readonly type: 'ping'; readonly nonce: number }
  | { readonly type: 'setAside'; readonly code: number; readonly inputs: readonly number[] }
  | Move;

/** The server asks the client to change over to another address. */
export interface Move {
  readonly type: 'move';
  readonly url: string;
  /** What the new address wants to see, if anything. */
  readonly ticket: Uint8Array;
  /** Milliseconds over which clients spread. */
  readonly windowMs: number;
  /** Milliseconds after which the change is no longer wanted. */
  readonly deadlineMs: number;
}

/** The frame that opens a socket. */
export function encodeHello(hello: Hello): Uint8Array {
  return new Writer()
    .int(hello.protoMin)
    .int(hello.protoMax)
    .int((hello.watch ? 1 : 0) | (hello.whole ? 2 : 0) | (hello.deltas ? 4 : 0))
    .bytes(hello.token)
    .bytes(hello.room)
    .string(hello.kind)
    .string(hello.name)
    .bytes(hello.profile)
    .bytes(hello.params)
    .int(hello.history)
    .int(hello.generation)
    .int(hello.recv)
    .int(hello.lo)
    .frame(TO_SERVER.hello);
}

/** Input number `seq`, and the last event taken in. */
export function encodeInput(seq: number, recv: number, payload: Uint8Array): Uint8Array {
  return new Writer().int(seq).int(recv).rest(payload).frame(TO_SERVER.input);
}

/** Events up to `recv` are taken in. */
export function encodeAck(recv: number): Uint8Array {
  return new Writer().int(recv).frame(TO_SERVER.ack);
}

/** The player gives the seat up. */
export function encodeBye(): Uint8Array {
  return new Writer().frame(TO_SERVER.bye);
}

/** The answer to a ping. */
export function encodePong(nonce: number): Uint8Array {
  return new Writer().int(nonce).frame(TO_SERVER.pong);
}

/**
 * The frames of one message, without those of later versions that may be skipped.
 * Throws a `FrameError` if it is not made of whole, known frames; then none of it counts.
 */
export function decodeFrames(message: Uint8Array): ServerFrame[] {
  const reader = new Reader(message);
  if (reader.done) throw new FrameError('a message is empty');
  const frames: ServerFrame[] = [];
  for (let count = 0; !reader.done; count += 1) {
    if (count === SERVER_FRAMES_MAX)
      throw new FrameError(`a message has more than ${SERVER_FRAMES_MAX} frames`);
    const type = reader.byte();
    const body = new Reader(reader.bytes());
    if ((type & SKIPPABLE) === 0) frames.push(decodeFrame(type, body));
  }
  return frames;
}

function decodeFrame(type: number, body: Reader): ServerFrame {
  switch (type) {
    case TO_CLIENT.welcome:
      return decodeWelcome(body);
    case TO_CLIENT.event:
      return { type: 'event', seq: body.int(), payload: body.rest() };
    case TO_CLIENT.view:
      return { type: 'view', asOf: body.int(), base: body.int(), payload: body.rest() };
    case TO_CLIENT.now:
      return { type: 'now', payload: body.rest() };
    case TO_CLIENT.ack:
      return whole(body, { type: 'ack', applied: body.int() });
    case TO_CLIENT.ping:
      return whole(body, { type: 'ping', nonce: body.int() });
    case TO_CLIENT.move:
      return decodeMove(body);
    case TO_CLIENT.setAside:
      return { type: 'setAside', code: body.int(), inputs: body.ints() };
    default:
      throw new FrameError(`unknown frame type 0x${type.toString(16)}`);
  }
}

function decodeWelcome(body: Reader): Welcome {
  const proto = body.int();
  const mode = MODES[body.int()];
  const codec = body.int();
  const token = body.bytes();
  const room = body.bytes();
  if (mode === undefined) throw new FrameError('unknown mode');
  if (token.length !== 0 && token.length !== TOKEN_BYTES) throw new FrameError('a token of a wrong length');
  if (room.length !== ROOM_BYTES) throw new FrameError('a room id of a wrong length');
  return whole(body, {
    type: 'welcome',
    proto,
    mode,
    codec,
    token: token.slice(),
    room: room.slice(),
    history: body.int(),
    generation: body.int(),
    inNext: body.int(),
    eventSeq: body.int(),
    lost: body.int(),
    ttlMs: body.limit(),
    pingMs: body.limit(),
    inputBytesMax: body.limit(),
    inputsPendingMax: body.limit(),
    framesPerSecond: body.limit(),
    bytesPerSecond: body.limit(),
    release: body.string(),
  });
}

function decodeMove(body: Reader): Move {
  return whole(body, {
    type: 'move',
    url: body.string(),
    ticket: body.bytes().slice(),
    windowMs: body.limit(),
    deadlineMs: body.limit(),
  });
}

function whole<F>(body: Reader, frame: F): F {
  if (!body.done) throw new FrameError('a frame is longer than its fields');
  return frame;
}
