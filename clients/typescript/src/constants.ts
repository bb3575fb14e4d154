/** The versions of the player protocol this client speaks, both ends included. */
export const PROTOCOL = { min: 1, max: 1 } as const;

/** The last generation of a session's sockets: 2^53 - 1 is none. */
export const GENERATION_MAX = Number.MAX_SAFE_INTEGER - 1;

/** Where a room's connection stands. */
export const STATES = ['connecting', 'open', 'resuming', 'ended'] as const;

/**
 * Where a room's connection stands.
 *
 * - `connecting`: there is no session yet, or the server no longer knows it.
 * - `open`: inputs and events flow.
 * - `resuming`: the socket is gone, the seat is kept, and the client is on its way back.
 * - `ended`: over for good, by the server's word or by `leave()`/`detach()`.
 */
export type State = (typeof STATES)[number];

/** How the server answered a HELLO, by the number on the wire. */
export const MODES = ['new', 'resumed', 'fresh', 'watching'] as const;

/**
 * How the server answered.
 *
 * - `new`: a new session.
 * - `resumed`: everything goes on where it was; missed events follow.
 * - `fresh`: the same seat, but missed events cannot be sent; a whole view follows.
 * - `watching`: a spectator.
 */
export type Mode = (typeof MODES)[number];

/** What a close code asks of the client. New codes fall into old classes. */
export type CloseClass = 'resume' | 'afresh' | 'stop';

/** 44xx: start afresh. 49xx: stop. Everything else, known or not: reconnect and resume. */
export function closeClass(code: number): CloseClass {
  if (code >= 4400 && code <= 4499) return 'afresh';
  if (code >= 4900 && code <= 4999) return 'stop';
  return 'resume';
}

/**
 * HTTP statuses with which a server says that it will not have this client: a page of that origin, at that address,
 * of that version. They do not pass by themselves.
 */
export const REFUSALS: readonly number[] = [403, 404, 426];

/** Close codes the client itself looks at; every other code is known by its class only. */
export const CLOSE = {
  /** Ended by `leave()`. */
  normal: 1000,
  /** The connection broke, or the client gave it up. */
  broken: 1006,
  /** The session is not known; also what a welcome that makes no sense counts as. */
  unknownSession: 4401,
  /** No common protocol version or payload codec. */
  version: 4900,
  /** A newer socket of the same session took over. */
  replaced: 4901,
  /** The room has ended. */
  roomEnded: 4903,
} as const;

/** First bytes of the frames a client sends. */
export const TO_SERVER = { hello: 0x01, input: 0x02, ack: 0x03, bye: 0x04, pong: 0x05 } as const;

/** First bytes of the frames a client receives. */
export const TO_CLIENT = {
  welcome: 0x11,
  event: 0x12,
  view: 0x13,
  now: 0x14,
  ack: 0x15,
  ping: 0x16,
  move: 0x17,
  setAside: 0x18,
} as const;

/** Frame types with this bit may be skipped by a client that does not know them. */
export const SKIPPABLE = 0x80;

/** Frames of one message from the server; one more makes it unreadable. */
export const SERVER_FRAMES_MAX = 4_096;

/** Frames the client puts into one message; the server takes 64. */
export const CLIENT_FRAMES_MAX = 32;

/** Bytes of frames the client puts into one message if there is more than one; the server takes 64 KiB. */
export const CLIENT_MESSAGE_BYTES_MAX = 32 * 1024;

/** Bytes of a session token: 8 of session id, 16 of secret. */
export const TOKEN_BYTES = 24;

/** Bytes of a room id. */
export const ROOM_BYTES = 16;

/** Every default of the options, with its unit in its name. */
export const DEFAULTS = {
  /** Milliseconds without a byte from the server after which a socket is given up. */
  deadMs: 12_000,
  /** Milliseconds after which events taken in are acknowledged at the latest. */
  ackMs: 500,
  /** Events taken in after which they are acknowledged at the latest. */
  ackEvery: 32,
  /** Inputs held because they are not known to be applied. */
  inputsMax: 256,
  /** Bytes of such inputs. */
  inputsBytesMax: 64 * 1024,
  /** Bytes of one input, until the server names its own limit. */
  inputBytesMax: 16 * 1024,
  /** How often the server may say "start afresh" without a welcome in between; once more is the end. */
  afreshMax: 3,
  /** Milliseconds a connection must have lived for the next retry to be a first one again. */
  stableMs: 1_000,
  /** Milliseconds between the ping that a silent server is to send and the moment its connection is given up, at least. */
  pingSlackMs: 2_000,
  /** Milliseconds of silence after the network changed before another connection is tried beside the one there is. */
  probeMs: 1_000,
  /** Milliseconds a connection may take to be welcomed before such silence counts. */
  patienceMs: 2_000,
  /** Milliseconds for which the way to the server is looked for to give a seat up. */
  partMs: 5_000,
} as const;
