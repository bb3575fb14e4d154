// playon: the browser client, in one file. Built from clients/typescript; do not edit.

// src/backoff.ts
var BACKOFF_MS = [500, 1e3, 2e3, 4e3, 8e3, 1e4];
var Backoff = class {
  #table;
  #random;
  #attempts = 0;
  /** `table` as `BACKOFF_MS`; `random` gives numbers from 0 up to but without 1. */
  constructor(table, random) {
    if (table.length === 0) throw new RangeError("the backoff table is empty");
    this.#table = table;
    this.#random = random;
  }
  /** Retries since the last reset. */
  get attempts() {
    return this.#attempts;
  }
  /** Milliseconds to wait before the next retry, which this counts. */
  next() {
    const longest = this.#table[Math.min(this.#attempts, this.#table.length - 1)] ?? 0;
    this.#attempts += 1;
    return Math.floor(this.#random() * longest);
  }
  /** The next retry is a first one. */
  reset() {
    this.#attempts = 0;
  }
};

// src/bytes.ts
function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
function fromHex(text) {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
function toUuid(bytes) {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
function fromUuid(text) {
  const bytes = fromHex(text.replaceAll("-", ""));
  return bytes?.length === 16 ? bytes : null;
}

// src/codec.ts
var encoder = new TextEncoder();
var decoder = new TextDecoder("utf-8", { fatal: true });
var json = {
  id: 0,
  encode: (value) => encoder.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes))
};

// src/constants.ts
var PROTOCOL = { min: 1, max: 1 };
var GENERATION_MAX = Number.MAX_SAFE_INTEGER - 1;
var STATES = ["connecting", "open", "resuming", "ended"];
var MODES = ["new", "resumed", "fresh", "watching"];
function closeClass(code) {
  if (code >= 4400 && code <= 4499) return "afresh";
  if (code >= 4900 && code <= 4999) return "stop";
  return "resume";
}
var REFUSALS = [403, 404, 426];
var CLOSE = {
  /** Ended by `leave()`. */
  normal: 1e3,
  /** The connection broke, or the client gave it up. */
  broken: 1006,
  /** The session is not known; also what a welcome that makes no sense counts as. */
  unknownSession: 4401,
  /** No common protocol version or payload codec. */
  version: 4900,
  /** A newer socket of the same session took over. */
  replaced: 4901,
  /** The room has ended. */
  roomEnded: 4903
};
var TO_SERVER = { hello: 1, input: 2, ack: 3, bye: 4, pong: 5 };
var TO_CLIENT = {
  welcome: 17,
  event: 18,
  view: 19,
  now: 20,
  ack: 21,
  ping: 22,
  move: 23,
  setAside: 24
};
var SKIPPABLE = 128;
var SERVER_FRAMES_MAX = 4096;
var CLIENT_FRAMES_MAX = 32;
var CLIENT_MESSAGE_BYTES_MAX = 32 * 1024;
var TOKEN_BYTES = 24;
var ROOM_BYTES = 16;
var DEFAULTS = {
  /** Milliseconds without a byte from the server after which a socket is given up. */
  deadMs: 12e3,
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
  stableMs: 1e3,
  /** Milliseconds between the ping that a silent server is to send and the moment its connection is given up, at least. */
  pingSlackMs: 2e3,
  /** Milliseconds of silence after the network changed before another connection is tried beside the one there is. */
  probeMs: 1e3,
  /** Milliseconds a connection may take to be welcomed before such silence counts. */
  patienceMs: 2e3,
  /** Milliseconds for which the way to the server is looked for to give a seat up. */
  partMs: 5e3
};

// src/mover.ts
var Mover = class {
  #timers;
  #random;
  #backoff;
  #go;
  #giveUp;
  #url = null;
  #until = 0;
  #timer;
  #deadline;
  /** `go` opens the new connection while the old one plays on; `giveUp` drops it and keeps the old one. */
  constructor(timers, random, backoff, go, giveUp) {
    this.#timers = timers;
    this.#random = random;
    this.#backoff = backoff;
    this.#go = go;
    this.#giveUp = giveUp;
  }
  /** Where to; null if there is nothing to change over to. */
  get url() {
    return this.#url;
  }
  /** Begins at a random moment of the window; a later order replaces an earlier one. Not a URL: no order. */
  begin(move, from) {
    const url = socketUrl(move.url, from);
    if (url === null) return;
    this.stop();
    this.#backoff.reset();
    this.#url = url;
    this.#until = this.#timers.now() + move.deadlineMs;
    this.#deadline = this.#timers.set(
      () => {
        this.stop();
        this.#giveUp();
      },
      Math.min(move.deadlineMs, TIMER_MS_MAX)
    );
    this.#later(this.#random() * Math.min(move.windowMs, move.deadlineMs, TIMER_MS_MAX));
  }
  /** The new connection failed: try once more, not before `retryAfterMs`, if there is time. */
  failed(retryAfterMs = 0) {
    const wait = this.#backoff.next() + retryAfterMs;
    if (this.#url !== null && this.#timers.now() + wait < this.#until) this.#later(wait);
    else this.stop();
  }
  /** It is done, or no longer wanted. */
  stop() {
    this.#url = null;
    this.#timers.clear(this.#timer);
    this.#timers.clear(this.#deadline);
  }
  #later(ms) {
    this.#timer = this.#timers.set(() => {
      if (this.#url !== null) this.#go(this.#url);
    }, ms);
  }
};
var TIMER_MS_MAX = 2 ** 31 - 1;
function socketUrl(url, from) {
  try {
    const absolute = new URL(url, from);
    absolute.protocol = absolute.protocol.replace(/^http/, "ws");
    absolute.hash = "";
    return /^wss?:$/.test(absolute.protocol) ? absolute.href : null;
  } catch {
    return null;
  }
}

// src/page.ts
function pageCalls(event, visibility) {
  return (callback) => {
    const page = globalThis;
    const changed = () => {
      if (page.document?.visibilityState === visibility) callback();
    };
    page.addEventListener?.(event, callback);
    page.document?.addEventListener("visibilitychange", changed);
    return () => {
      page.removeEventListener?.(event, callback);
      page.document?.removeEventListener("visibilitychange", changed);
    };
  };
}
var browserWake = pageCalls("online", "visible");
var browserHide = pageCalls("pagehide", "hidden");

// src/storage.ts
var MemoryStorage = class {
  #values = /* @__PURE__ */ new Map();
  load(key) {
    return this.#values.get(key) ?? null;
  }
  save(key, value) {
    this.#values.set(key, value);
  }
  remove(key) {
    this.#values.delete(key);
  }
};
var PageStorage = class {
  #storage;
  constructor(storage) {
    this.#storage = storage;
  }
  load(key) {
    return this.#storage.getItem(key);
  }
  save(key, value) {
    this.#storage.setItem(key, value);
  }
  remove(key) {
    this.#storage.removeItem(key);
  }
};
var GuardedStorage = class {
  #storage;
  #tell;
  #told = false;
  constructor(storage, tell) {
    this.#storage = storage;
    this.#tell = tell;
  }
  load(key) {
    const value = this.#try(() => this.#storage.load(key)) ?? null;
    if (value === null || typeof value === "string") return value;
    this.#failed(new TypeError("`load` gives something else than text"));
    return null;
  }
  save(key, value) {
    this.#try(() => this.#storage.save(key, value));
  }
  remove(key) {
    this.#try(() => this.#storage.remove(key));
  }
  #try(run) {
    try {
      const result = run();
      if (result instanceof Promise) result.catch((error) => this.#failed(error));
      return result;
    } catch (error) {
      this.#failed(error);
      return void 0;
    }
  }
  #failed(cause) {
    if (this.#told) return;
    this.#told = true;
    const why = cause instanceof Error ? cause.message : String(cause);
    this.#tell(new Error(`playon: the session cannot be kept for a reload: ${why}`, { cause }));
  }
};
function asStorage(given) {
  if (can(given, "load", "save", "remove")) return given;
  if (can(given, "getItem", "setItem", "removeItem")) return new PageStorage(given);
  throw new TypeError("playon: `storage` must have `load`, `save` and `remove`, or be a `localStorage`");
}
function can(given, ...methods) {
  if (typeof given !== "object" || given === null) return false;
  return methods.every((method) => typeof given[method] === "function");
}
function defaultStorage() {
  const page = quietly(() => globalThis.sessionStorage);
  const browser = globalThis.document !== void 0;
  return browser && page ? new PageStorage(page) : new MemoryStorage();
}
function quietly(run) {
  try {
    return run();
  } catch {
    return void 0;
  }
}

// src/timers.ts
var systemTimers = {
  now: () => performance.now(),
  set: (run, ms) => setTimeout(run, ms),
  clear: (timer) => clearTimeout(timer)
};

// src/options.ts
function settle(options) {
  const url = socketUrl(options.url ?? "/play", pageUrl());
  if (url === null) throw new TypeError(`playon: no WebSocket address: ${options.url ?? "(none given)"}`);
  const WebSocket = options.WebSocket ?? globalThis.WebSocket;
  if (!WebSocket)
    throw new TypeError("playon: there is no WebSocket here; pass one, for example that of `ws`");
  const { kind, name = "", room = "", storage = defaultStorage() } = options;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== void 0));
  return {
    profile: void 0,
    params: void 0,
    watch: false,
    deltas: true,
    key: `playon ${url} ${kind} ${room || name}`,
    codec: json,
    inputsMax: DEFAULTS.inputsMax,
    inputsBytesMax: DEFAULTS.inputsBytesMax,
    ackEvery: DEFAULTS.ackEvery,
    ackMs: DEFAULTS.ackMs,
    deadMs: DEFAULTS.deadMs,
    afreshMax: DEFAULTS.afreshMax,
    backoff: BACKOFF_MS,
    timers: systemTimers,
    random: Math.random,
    wake: browserWake,
    hide: browserHide,
    onError: report,
    ...given,
    storage: new GuardedStorage(asStorage(storage), options.onError ?? report),
    url,
    kind,
    name,
    room,
    WebSocket
  };
}
function pageUrl() {
  return globalThis.location?.href;
}
function report(error) {
  const { reportError } = globalThis;
  if (reportError) reportError(error);
  else console.error(error);
}

// src/outbox.ts
var Outbox = class {
  #inputsMax;
  #bytesMax;
  #pending = [];
  #bytes = 0;
  #next = 1;
  /** The last one put on the current connection. */
  #sent = 0;
  /** The last one put on any connection of the session. */
  #everSent = 0;
  /** The last one known to be applied, or given up. */
  #applied = 0;
  #shift = 0;
  /** Refused inputs behind `#applied`, lowest first. */
  #refused = [];
  /** The session's number of the last input that was acknowledged, perhaps one of an earlier page. */
  #acked = 0;
  /** At `inputsMax` inputs or `bytesMax` bytes of them a further one is refused. */
  constructor(inputsMax, bytesMax) {
    this.#inputsMax = inputsMax;
    this.#bytesMax = bytesMax;
  }
  /** The last input known to be applied, or given up with its session. */
  get applied() {
    return this.#applied;
  }
  /** How many are held. */
  get size() {
    return this.#pending.length;
  }
  /** Bytes of those held. */
  get bytes() {
    return this.#bytes;
  }
  /** The session's number of the first input that was not acknowledged: all before were. */
  get lo() {
    return this.#acked + 1;
  }
  /** The session's number of an input that is held. */
  wire(seq) {
    return seq + this.#shift - this.#refused.filter((one) => one < seq).length;
  }
  /** The number on this page of an input with this number in the session; below 1 if an earlier page sent it. */
  ours(wire) {
    return this.#refused.reduce((seq, one) => one <= seq ? seq + 1 : seq, wire - this.#shift);
  }
  /** Holds an input; its number, or false if there is no room for it. */
  push(input, payload) {
    if (this.#pending.length >= this.#inputsMax) return false;
    if (this.#bytes + payload.length > this.#bytesMax) return false;
    const seq = this.#next;
    this.#next += 1;
    this.#bytes += payload.length;
    this.#pending.push({ seq, input, payload });
    return seq;
  }
  /** The inputs that were never on a socket, which `replaceWaiting` may change. */
  waiting() {
    return this.#pending.filter((pending) => pending.seq > this.#everSent).map((pending) => pending.input);
  }
  /**
   * Puts others in the place of the inputs that were never on a socket, if they fit; else nothing changes.
   * The last one's number, or false. Numbers given out for inputs that were merged away are given out again.
   */
  replaceWaiting(inputs, payloads) {
    const kept = this.#pending.filter((pending) => pending.seq <= this.#everSent);
    const bytes = sum(kept) + payloads.reduce((total, payload) => total + payload.length, 0);
    if (inputs.length === 0 || kept.length + inputs.length > this.#inputsMax || bytes > this.#bytesMax)
      return false;
    this.#pending = kept;
    this.#bytes = sum(kept);
    this.#next = this.#everSent + 1;
    let last = false;
    inputs.forEach((input, at) => {
      last = this.push(input, payloads[at] ?? new Uint8Array());
    });
    return last;
  }
  /**
   * The input to put on the socket next; null if there is none, or if as many of the session as `inFlightMax`, those of
   * an earlier page included, are on their way and not acknowledged.
   */
  nextUnsent(inFlightMax) {
    const last = this.ours(this.#acked + inFlightMax);
    return this.#pending.find(({ seq }) => seq > this.#sent && seq <= last) ?? null;
  }
  /** That input is on the socket. */
  markSent(seq) {
    this.#sent = seq;
    this.#everSent = Math.max(this.#everSent, seq);
  }
  /**
   * Gives up the input to put on the socket next, which the server does not have and would not take. It counts as dealt
   * with, and the session has no number for it.
   */
  refuse(seq) {
    this.markSent(seq);
    this.#pending = this.#pending.filter((pending) => pending.seq !== seq);
    this.#bytes = sum(this.#pending);
    this.#refused.push(seq);
    this.#settle(this.#applied);
  }
  /**
   * The server has applied inputs up to `applied`, in the session's numbers. How many of this page are newly known to
   * be; null if that many were never sent.
   */
  ack(applied) {
    const upTo = this.ours(applied);
    if (upTo > this.#everSent) return null;
    this.#acked = Math.max(this.#acked, applied);
    this.#sent = Math.max(this.#sent, upTo);
    return this.#settle(upTo);
  }
  /** A session of which inputs below `lo` are acknowledged, taken up where the server wants `inNext` next. */
  anchor(inNext, lo) {
    this.#acked = lo - 1;
    this.#renumber(inNext);
  }
  /** Whether the server can want input `inNext` next: not one that was acknowledged, or never sent. */
  possible(inNext) {
    return inNext > this.#acked && this.ours(inNext - 1) <= this.#everSent;
  }
  /** A connection begins, and the server wants input `inNext` next; whatever is held from there on is sent again. */
  rewind(inNext) {
    const sent = this.ours(inNext - 1);
    if (sent < this.#applied) {
      this.#renumber(inNext);
    } else {
      this.#sent = sent;
    }
  }
  /** Gives up everything held; how many that were. */
  clear() {
    this.#acked = 0;
    this.#sent = this.#next - 1;
    this.#everSent = this.#sent;
    return this.#settle(this.#next - 1);
  }
  /** The oldest input held, or the next one, has this number in the session. */
  #renumber(inNext) {
    this.#shift = inNext - (this.#applied + 1);
    this.#sent = this.#applied;
    this.#everSent = this.#applied;
  }
  /** Lets go of inputs up to this one, and of refused ones right behind it; how many were held. */
  #settle(upTo) {
    const before = this.#pending.length;
    this.#pending = this.#pending.filter((pending) => pending.seq > upTo);
    this.#bytes = sum(this.#pending);
    this.#applied = Math.max(this.#applied, upTo);
    while (this.#refused.includes(this.#applied + 1)) this.#applied += 1;
    const behind = this.#refused.filter((one) => one > this.#applied);
    this.#shift -= this.#refused.length - behind.length;
    this.#refused = behind;
    this.#sent = Math.max(this.#sent, this.#applied);
    return before - this.#pending.length;
  }
};
function sum(pending) {
  return pending.reduce((total, { payload }) => total + payload.length, 0);
}

// src/emitter.ts
var Emitter = class {
  #listeners = /* @__PURE__ */ new Map();
  #onError;
  /** `onError` gets what listeners throw. */
  constructor(onError) {
    this.#onError = onError;
  }
  /** Calls `listener` from now on; what it returns stops that. */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? /* @__PURE__ */ new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
    };
  }
  /** Calls every listener in the order they came. */
  emit(name, ...args) {
    for (const listener of [...this.#listeners.get(name) ?? []]) {
      try {
        listener(...args);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
};

// src/frame-error.ts
var FrameError = class extends Error {
  name = "FrameError";
};
var TermsError = class extends Error {
  name = "TermsError";
};

// src/varint.ts
var VARINT_BYTES_MAX = 10;
var U64_MAX = (1n << 64n) - 1n;
function varint(value) {
  let rest = BigInt(value);
  if (rest < 0n || rest > U64_MAX) throw new RangeError(`no unsigned 64-bit number: ${value}`);
  const bytes = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
function readVarint(bytes, at) {
  let value = 0n;
  for (let index = 0; index < VARINT_BYTES_MAX; index += 1) {
    const byte = bytes[at + index];
    if (byte === void 0) throw new FrameError("a number is cut off");
    value |= BigInt(byte & 127) << BigInt(7 * index);
    if (byte < 128) {
      if (byte === 0 && index > 0) throw new FrameError("a number is not in its shortest form");
      if (value > U64_MAX) throw new FrameError("a number is over 64 bits");
      return [value, at + index + 1];
    }
  }
  throw new FrameError("a number is over 10 bytes");
}

// src/reader.ts
var utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
var Reader = class {
  #bytes;
  #at = 0;
  constructor(bytes) {
    this.#bytes = bytes;
  }
  /** Whether every byte was read. */
  get done() {
    return this.#at >= this.#bytes.length;
  }
  /** One byte. */
  byte() {
    const byte = this.#bytes[this.#at];
    if (byte === void 0) throw new FrameError("a frame is cut off");
    this.#at += 1;
    return byte;
  }
  /** A number of up to 64 bits. */
  big() {
    const [value, next] = readVarint(this.#bytes, this.#at);
    this.#at = next;
    return value;
  }
  /** A number that a JavaScript number holds exactly; a larger one is an error. */
  int() {
    const byte = this.#bytes[this.#at];
    if (byte !== void 0 && byte < 128) {
      this.#at += 1;
      return byte;
    }
    const value = Number(this.big());
    if (!Number.isSafeInteger(value)) throw new FrameError("a number is over 53 bits");
    return value;
  }
  /** Numbers up to the end. */
  ints() {
    const ints = [];
    while (!this.done) ints.push(this.int());
    return ints;
  }
  /** A limit or a duration: one too large to hold exactly counts as the largest that fits. */
  limit() {
    return Math.min(Number(this.big()), Number.MAX_SAFE_INTEGER);
  }
  /** `length` bytes. */
  take(length) {
    if (length > this.#bytes.length - this.#at) throw new FrameError("a frame is cut off");
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
  /** Bytes behind their length. */
  bytes() {
    return this.take(this.limit());
  }
  /** A string behind its length in bytes. */
  string() {
    try {
      return utf8.decode(this.bytes());
    } catch (error) {
      if (error instanceof FrameError) throw error;
      throw new FrameError("a string is not UTF-8");
    }
  }
  /** Everything that is left. */
  rest() {
    return this.take(this.#bytes.length - this.#at);
  }
};

// src/writer.ts
var utf82 = new TextEncoder();
function concat(parts) {
  const whole2 = new Uint8Array(parts.reduce((sum2, part) => sum2 + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole2.set(part, at);
    at += part.length;
  }
  return whole2;
}
var Writer = class {
  #parts = [];
  /** A number of up to 64 bits. */
  int(value) {
    return this.rest(varint(value));
  }
  /** Bytes behind their length. */
  bytes(bytes) {
    return this.int(bytes.length).rest(bytes);
  }
  /** A string behind its length in bytes. */
  string(text) {
    return this.bytes(utf82.encode(text));
  }
  /** Bytes as they are. */
  rest(bytes) {
    this.#parts.push(bytes);
    return this;
  }
  /** The whole frame: its type, the length of what was written, and that. */
  frame(type) {
    const body = concat(this.#parts);
    return concat([Uint8Array.of(type), varint(body.length), body]);
  }
};

// src/frames.ts
function encodeHello(hello) {
  return new Writer().int(hello.protoMin).int(hello.protoMax).int((hello.watch ? 1 : 0) | (hello.whole ? 2 : 0) | (hello.deltas ? 4 : 0)).bytes(hello.token).bytes(hello.room).string(hello.kind).string(hello.name).bytes(hello.profile).bytes(hello.params).int(hello.history).int(hello.generation).int(hello.recv).int(hello.lo).frame(TO_SERVER.hello);
}
function encodeInput(seq, recv, payload) {
  return new Writer().int(seq).int(recv).rest(payload).frame(TO_SERVER.input);
}
function encodeAck(recv) {
  return new Writer().int(recv).frame(TO_SERVER.ack);
}
function encodeBye() {
  return new Writer().frame(TO_SERVER.bye);
}
function encodePong(nonce) {
  return new Writer().int(nonce).frame(TO_SERVER.pong);
}
function decodeFrames(message) {
  const reader = new Reader(message);
  if (reader.done) throw new FrameError("a message is empty");
  const frames = [];
  for (let count = 0; !reader.done; count += 1) {
    if (count === SERVER_FRAMES_MAX)
      throw new FrameError(`a message has more than ${SERVER_FRAMES_MAX} frames`);
    const type = reader.byte();
    const body = new Reader(reader.bytes());
    if ((type & SKIPPABLE) === 0) frames.push(decodeFrame(type, body));
  }
  return frames;
}
function decodeFrame(type, body) {
  switch (type) {
    case TO_CLIENT.welcome:
      return decodeWelcome(body);
    case TO_CLIENT.event:
      return { type: "event", seq: body.int(), payload: body.rest() };
    case TO_CLIENT.view:
      return { type: "view", asOf: body.int(), base: body.int(), payload: body.rest() };
    case TO_CLIENT.now:
      return { type: "now", payload: body.rest() };
    case TO_CLIENT.ack:
      return whole(body, { type: "ack", applied: body.int() });
    case TO_CLIENT.ping:
      return whole(body, { type: "ping", nonce: body.int() });
    case TO_CLIENT.move:
      return decodeMove(body);
    case TO_CLIENT.setAside:
      return { type: "setAside", code: body.int(), inputs: body.ints() };
    default:
      throw new FrameError(`unknown frame type 0x${type.toString(16)}`);
  }
}
function decodeWelcome(body) {
  const proto = body.int();
  const mode = MODES[body.int()];
  const codec = body.int();
  const token = body.bytes();
  const room = body.bytes();
  if (mode === void 0) throw new FrameError("unknown mode");
  if (token.length !== 0 && token.length !== TOKEN_BYTES) throw new FrameError("a token of a wrong length");
  if (room.length !== ROOM_BYTES) throw new FrameError("a room id of a wrong length");
  return whole(body, {
    type: "welcome",
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
    release: body.string()
  });
}
function decodeMove(body) {
  return whole(body, {
    type: "move",
    url: body.string(),
    ticket: body.bytes().slice(),
    windowMs: body.limit(),
    deadlineMs: body.limit()
  });
}
function whole(body, frame) {
  if (!body.done) throw new FrameError("a frame is longer than its fields");
  return frame;
}

// src/keeping.ts
var Keeping = class {
  #settings;
  #session;
  #unhide;
  #savedAt = 0;
  /** Set while something is known that is not written. */
  #due = null;
  /** Reads nothing yet; listens for the page that goes until it is stopped. */
  constructor(settings, session) {
    this.#settings = settings;
    this.#session = session;
    this.#unhide = settings.watch ? () => {
    } : settings.hide(() => this.flush());
  }
  /** Writes the session as it is now. */
  save() {
    this.#write(false);
  }
  /** Something was acknowledged: it is written now, or when `ackMs` have passed since the last time. */
  soon() {
    const { timers, ackMs } = this.#settings;
    if (this.#due !== null) return;
    const wait = this.#savedAt + ackMs - timers.now();
    if (wait > 0) this.#due = timers.set(() => this.flush(), wait);
    else this.#writeOurs(false);
  }
  /** Writes what is not written yet. */
  flush() {
    if (this.#due !== null) this.#writeOurs(false);
  }
  /** The page goes on without the session, and another one may take it up. */
  detach() {
    this.#writeOurs(true);
    this.stop();
  }
  /** Forgets it. A spectator has no seat, and leaves alone what a player of the same page may have kept. */
  remove() {
    this.#clear();
    if (!this.#settings.watch) this.#settings.storage.remove(this.#settings.key);
  }
  /** Writes nothing any more. */
  stop() {
    this.#clear();
    this.#unhide();
  }
  /** Writes it unless another page has taken the entry over since, which is not to be taken back. */
  #writeOurs(detached) {
    const { storage, key } = this.#settings;
    if (this.#session.outdated(storage.load(key))) this.#clear();
    else this.#write(detached);
  }
  #write(detached) {
    this.#clear();
    const saved = this.#session.save(detached);
    this.#savedAt = this.#settings.timers.now();
    if (saved !== null) this.#settings.storage.save(this.#settings.key, saved);
  }
  #clear() {
    if (this.#due !== null) this.#settings.timers.clear(this.#due);
    this.#due = null;
  }
};

// src/delta.ts
var DELTA_VIEW_BYTES_MAX = 64 * 1024;
var MORE = 3;
function applyDelta(base, delta, max = DELTA_VIEW_BYTES_MAX) {
  const reader = new Reader(delta);
  const length = reader.limit();
  if (length > max) throw fault(`makes ${length} bytes, ${max} are allowed`);
  const view = new Uint8Array(length);
  let made = 0;
  let end = 0;
  while (made < length) {
    const head = reader.int();
    const copied = Math.floor(head / 8);
    const few = head >> 1 & 3;
    const added = few < MORE ? few : few + reader.int();
    if (added + copied === 0) throw fault("has a step that makes nothing");
    if (added + copied > length - made) throw fault(`makes more than the ${length} bytes that it says`);
    view.set(reader.take(added), made);
    made += added;
    const distance = (head & 1) === 0 ? 0 : signed(reader.int());
    if (copied === 0) continue;
    const from = end + added + distance;
    end = from + copied;
    if (from < 0 || end > base.length) throw fault(`copies ${copied} bytes from ${from} of ${base.length}`);
    view.set(base.subarray(from, end), made);
    made += copied;
  }
  if (!reader.done) throw fault("goes on behind its end");
  return view;
}
function signed(int) {
  return int % 2 === 0 ? int / 2 : -(int + 1) / 2;
}
function fault(what) {
  return new FrameError(`PLY-0188 a view told as a delta ${what}`);
}
var Views = class {
  #deltas;
  /** The last one that came, whatever became of it. */
  #base = null;
  /** With `deltas` it was said that they are taken. */
  constructor(deltas) {
    this.#deltas = deltas;
  }
  /** The bytes of the view that was told so. Throws a `FrameError` if there is no making it out. */
  whole(base, payload) {
    if (base > 1 || base === 1 && !this.#deltas) throw new FrameError("a view that is not whole");
    if (base === 1 && !this.#base) throw fault("has no other before it");
    const view = base === 1 && this.#base ? applyDelta(this.#base, payload) : payload;
    this.#base = this.#deltas && view.length <= DELTA_VIEW_BYTES_MAX ? view.slice() : null;
    return view;
  }
};

// src/connection.ts
var RETRY_AFTER_MAX_S = 60;
var LATE_MS = 1e3;
var Connection = class {
  /** The socket itself. */
  socket;
  /** Where it leads. */
  url;
  /** What was said over it until it was welcomed, in frames and bytes. */
  said = { frames: 0, bytes: 0 };
  /** When it was opened, by the timers' clock. */
  since;
  #listener;
  #timers;
  #deadMs;
  #heard;
  /** A timer was late already in the present silence. */
  #excused = false;
  /** When it opened; null before. */
  #openedAt = null;
  #welcomed = false;
  #views;
  #over = false;
  #alarm;
  /** What the server said instead of granting a socket, if that can be seen. */
  #refusal = {};
  /** Opens a socket to `url`. Throws what its constructor throws. */
  constructor(options, url, listener, deadMs) {
    const { WebSocket, timers, deltas } = options;
    this.socket = new WebSocket(url);
    this.url = url;
    this.#listener = listener;
    this.#timers = timers;
    this.#deadMs = deadMs;
    this.#views = new Views(deltas);
    this.since = timers.now();
    this.#heard = this.since;
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.#open();
    this.socket.onmessage = (event) => this.#message(event.data);
    this.socket.onclose = (event) => this.#end({ code: event.code ?? CLOSE.broken, reason: event.reason ?? "", ...this.#refusal });
    this.socket.onerror = (event) => this.#failed(String(event.message ?? ""));
    this.socket.on?.("unexpected-response", (_, { statusCode, headers }) => {
      this.#refused(statusCode, headers["retry-after"]);
      this.socket.close();
    });
    this.#watch(deadMs);
  }
  /** When it last showed that it works: it was begun, it opened, or something was heard. By the timers' clock. */
  get alive() {
    return Math.max(this.#heard, this.#openedAt ?? 0);
  }
  /** The server asks for a sign of life after `pingMs` of silence: before that comes, silence means nothing. */
  expectPing(pingMs) {
    this.#deadMs = Math.max(this.#deadMs, pingMs + DEFAULTS.pingSlackMs);
  }
  /** What it hears from now on is told to another, who gives it up after `deadMs` of silence. */
  hand(listener, deadMs) {
    if (this.#over) return;
    this.#listener = listener;
    this.#deadMs = deadMs;
    this.#heard = this.#timers.now();
    this.#timers.clear(this.#alarm);
    this.#watch(deadMs);
  }
  /** Whether the HELLO is on its way. */
  get opened() {
    return this.#openedAt !== null;
  }
  /** Sends frames; into nothing once the socket is closing. */
  send(message) {
    if (this.#over) return;
    if (!this.#welcomed) {
      this.said.frames += 1;
      this.said.bytes += message.length;
    }
    try {
      this.socket.send(message);
    } catch {
    }
  }
  /** Closes it and reads no more of it; its listener hears nothing of that. */
  drop(reason = "") {
    if (this.#over) return;
    this.#silence();
    try {
      this.socket.close(CLOSE.normal, reason);
    } catch {
    }
  }
  #open() {
    if (this.#over) return;
    this.#openedAt = this.#timers.now();
    this.send(this.#listener.hello(this));
    this.#listener.opened?.(this);
  }
  #message(data) {
    if (this.#over) return;
    this.#heard = this.#timers.now();
    this.#excused = false;
    try {
      if (!(data instanceof ArrayBuffer)) throw new TypeError("a message is not binary");
      for (const frame of decodeFrames(new Uint8Array(data))) {
        if (this.#over) return;
        this.#frame(frame);
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#giveUp(reason, error instanceof TermsError ? CLOSE.unknownSession : CLOSE.broken);
    }
  }
  #frame(frame) {
    if (frame.type === "ping") {
      const pong = encodePong(frame.nonce);
      this.send(pong);
      if (this.#welcomed) this.#listener.ponged(pong.length);
    } else if (frame.type === "welcome") {
      if (this.#welcomed) throw new TypeError("a second welcome");
      this.#welcomed = true;
      this.#listener.welcomed(this, frame);
    } else {
      if (!this.#welcomed) throw new TypeError("a frame before the welcome");
      this.#listener.frame(this, frame.type === "view" ? this.#whole(frame) : frame);
    }
  }
  #whole(frame) {
    return { ...frame, base: 0, payload: this.#views.whole(frame.base, frame.payload) };
  }
  #watch(ms) {
    const due = this.#timers.now() + ms;
    this.#alarm = this.#timers.set(() => {
      const now = this.#timers.now();
      const silent = now - this.#heard;
      if (silent < this.#deadMs) this.#watch(this.#deadMs - silent);
      else if (now - due > LATE_MS && !this.#excused) {
        this.#excused = true;
        this.#watch(LATE_MS);
      } else this.#giveUp(`nothing was heard for ${this.#deadMs} ms`);
    }, ms);
  }
  #giveUp(reason, code = CLOSE.broken) {
    if (this.#over) return;
    this.drop();
    this.#listener.closed(this, { code, reason });
  }
  #failed(message) {
    const status = Number(/^Unexpected server response: (\d{3})$/.exec(message)?.[1]);
    if (status > 0) this.#refused(status);
  }
  #refused(status, retryAfter = "") {
    const seconds = /^\d+$/.test(retryAfter) ? Math.min(Number(retryAfter), RETRY_AFTER_MAX_S) : 0;
    const reason = `the server answers with HTTP status ${status}`;
    this.#refusal = { status, reason, ...seconds > 0 ? { retryAfterMs: seconds * 1e3 } : {} };
  }
  #end(why) {
    if (this.#over) return;
    this.#silence();
    this.#listener.closed(this, why);
  }
  #silence() {
    this.#over = true;
    this.#timers.clear(this.#alarm);
    this.socket.onopen = null;
    this.socket.onmessage = null;
    this.socket.onclose = null;
  }
};

// src/parting.ts
var Parting = class {
  #options;
  #words;
  #urls;
  #backoff;
  #unwake;
  #deadline;
  #connections;
  #retry;
  #over = false;
  /** Goodbye was said over the connections of `said`. Other ones go to the addresses in turn. */
  constructor(options, urls, words, said) {
    this.#options = options;
    this.#words = words;
    this.#urls = urls;
    this.#backoff = new Backoff(options.backoff, options.random);
    this.#unwake = options.wake(() => this.#again());
    this.#deadline = options.timers.set(() => this.#stop(), DEFAULTS.partMs);
    this.#connections = new Set(said);
    for (const one of said) one.hand(this.#listener(), DEFAULTS.patienceMs);
    if (said.length === 0) this.#later();
  }
  #later(retryAfterMs = 0) {
    const turn = this.#backoff.attempts % this.#urls.length;
    this.#retry = this.#options.timers.set(
      () => this.#dial(this.#urls[turn] ?? this.#options.url),
      this.#backoff.next() + retryAfterMs
    );
  }
  #dial(url) {
    try {
      const connection = new Connection(this.#options, url, this.#listener(), DEFAULTS.patienceMs);
      this.#connections.add(connection);
    } catch {
      this.#later();
    }
  }
  #listener() {
    return {
      hello: () => this.#words.hello(),
      opened: (connection) => connection.send(this.#words.bye()),
      welcomed: () => {
      },
      ponged: () => {
      },
      frame: () => {
      },
      closed: (connection, why) => this.#closed(connection, why)
    };
  }
  #closed(connection, why) {
    this.#connections.delete(connection);
    const more = this.#connections.size > 0;
    if (why.code === CLOSE.replaced && more) return;
    if (closeClass(why.code) !== "resume") this.#stop();
    else if (!more) this.#later(why.retryAfterMs);
  }
  /** The network is another one, or the page is looked at. */
  #again() {
    const opened = [...this.#connections].some((one) => one.opened);
    if (this.#over || opened) return;
    this.#drop();
    this.#options.timers.clear(this.#retry);
    this.#backoff.reset();
    this.#later();
  }
  #stop() {
    this.#over = true;
    this.#unwake();
    this.#options.timers.clear(this.#retry);
    this.#options.timers.clear(this.#deadline);
    this.#drop();
  }
  #drop() {
    for (const one of this.#connections) one.drop();
    this.#connections.clear();
  }
};

// src/link.ts
var Link = class {
  #options;
  #user;
  #backoff;
  #mover;
  #unwake;
  /** Where to connect: the address given, or the one last moved to. */
  #url;
  #current = null;
  #trial = null;
  /** Said HELLO and was silent when the network changed: another is on trial, but whichever is welcomed is taken. */
  #earlier = null;
  #upSince = 0;
  /** Sessions given up since the last welcome. */
  #afresh = 0;
  #retry = null;
  /** When the next try is due. */
  #retryAt = 0;
  #probing = null;
  /** When the network changed that the running probe is about. */
  #asked = 0;
  #over = false;
  constructor(options, user) {
    this.#options = options;
    this.#user = user;
    this.#url = options.url;
    this.#backoff = new Backoff(options.backoff, options.random);
    const moves = new Backoff(options.backoff, options.random);
    this.#mover = new Mover(
      options.timers,
      options.random,
      moves,
      (url) => {
        if (this.#current) this.#dial(url);
      },
      () => this.#keepOld()
    );
    this.#unwake = options.wake(() => this.#wake());
    this.#dial(this.#url);
  }
  /** The socket that is up. */
  get socket() {
    return this.#current?.socket ?? null;
  }
  /**
   * Says goodbye over those that have said HELLO and wait for a welcome, else over the one that is up, and is closed for
   * good. If there is a seat to give up, it is seen to in the background that the server hears of it.
   */
  part(seated) {
    const asked = [this.#earlier, this.#trial].filter((one) => one?.opened);
    const heard = (asked.length > 0 ? asked : [this.#current]).filter((one) => one !== null);
    for (const one of heard) one.send(encodeBye());
    if (seated) {
      const words = { hello: () => this.#user.hello(), bye: encodeBye };
      new Parting(this.#options, [this.#url, this.#options.url], words, heard);
      const unheard = (one) => one && heard.includes(one) ? null : one;
      this.#current = unheard(this.#current);
      this.#trial = unheard(this.#trial);
      this.#earlier = unheard(this.#earlier);
    }
    this.stop();
  }
  /** Sends frames over the connection that is up, else nowhere. */
  send(message) {
    this.#current?.send(message);
  }
  /** Closes everything, for good. */
  stop() {
    this.#over = true;
    this.#unwake();
    this.#mover.stop();
    this.#clearRetry();
    this.#clearProbe();
    this.#current?.drop();
    this.#current = null;
    this.#dropTrials();
  }
  #dropTrials() {
    this.#trial?.drop();
    this.#earlier?.drop();
    this.#trial = null;
    this.#earlier = null;
  }
  #dial(url) {
    const listener = {
      hello: () => this.#user.hello(),
      welcomed: (connection, terms) => this.#welcomed(connection, terms),
      ponged: (bytes) => this.#user.ponged(bytes),
      frame: (connection, frame) => this.#frame(connection, frame),
      closed: (connection, why) => this.#closed(connection, why)
    };
    this.#trial?.drop();
    try {
      this.#trial = new Connection(this.#options, url, listener, this.#options.deadMs);
    } catch (error) {
      this.#trial = null;
      this.#failed({ code: CLOSE.broken, reason: String(error) });
    }
  }
  #welcomed(connection, terms) {
    const old = this.#current;
    this.#settleTrials(connection, terms);
    this.#current = connection;
    this.#url = connection.url;
    this.#upSince = this.#options.timers.now();
    this.#mover.stop();
    this.#clearRetry();
    this.#clearProbe();
    connection.expectPing(terms.pingMs);
    old?.drop();
    this.#user.up(terms, connection.said);
    this.#afresh = 0;
  }
  /** One of those on trial was welcomed. */
  #settleTrials(welcomed, terms) {
    const other = welcomed === this.#trial ? this.#earlier : this.#trial;
    const goesOn = other === this.#trial && other?.opened && (terms.mode === "resumed" || terms.mode === "fresh");
    if (other?.opened && terms.mode === "new") other.send(encodeBye());
    if (!goesOn) other?.drop();
    this.#trial = goesOn ? other : null;
    this.#earlier = null;
  }
  #frame(connection, frame) {
    if (frame.type === "move") this.#mover.begin(frame, connection.url);
    else this.#user.frame(frame);
  }
  #closed(connection, why) {
    if (connection === this.#trial) {
      this.#trial = null;
      this.#failed(why);
    } else if (connection === this.#earlier) {
      this.#earlier = null;
    } else if (connection === this.#current) {
      this.#current = null;
      if (this.#options.timers.now() - this.#upSince >= DEFAULTS.stableMs) this.#backoff.reset();
      if (why.code === CLOSE.replaced && !this.#trial?.opened && this.#earlier) this.#tryEarlier();
      const ours = this.#trial?.opened === true && why.code === CLOSE.replaced;
      if (!this.#trial) this.#settle(why);
      else if (ours || closeClass(why.code) === "resume") this.#user.down(why);
      else this.#settle(why);
    }
  }
  /** The server has heard of the earlier one: its welcome is on the way. */
  #tryEarlier() {
    this.#trial?.drop();
    this.#trial = this.#earlier;
    this.#earlier = null;
  }
  /** The connection on trial came to nothing. */
  #failed(why) {
    if (this.#current) this.#mover.failed(why.retryAfterMs);
    else this.#settle(why);
  }
  /** Nothing is up: does what the close code's class asks. */
  #settle(why) {
    this.#trial?.drop();
    this.#trial = null;
    const order = this.#user.order(why);
    if (order !== "resume") this.#dropTrials();
    const refused = order === "afresh" && this.#afresh >= this.#options.afreshMax;
    if (order === "stop" || refused) {
      this.stop();
      this.#user.ended(why);
      return;
    }
    if (order === "afresh") this.#afresh += 1;
    const ms = this.#backoff.next() + (why.retryAfterMs ?? 0);
    this.#later(ms);
    if (order === "afresh") this.#user.afresh(why);
    else this.#user.down(why);
    if (!this.#over) this.#user.retry(why, ms);
  }
  #later(ms) {
    this.#clearRetry();
    this.#retryAt = this.#options.timers.now() + ms;
    this.#retry = this.#options.timers.set(() => {
      this.#retry = null;
      this.#dial(this.#nextUrl());
    }, ms);
  }
  /** Where the server wants us, then the address we were at, and the one given at every other try. */
  #nextUrl() {
    const url = this.#backoff.attempts % 2 === 0 ? this.#options.url : this.#mover.url ?? this.#url;
    this.#mover.stop();
    return url;
  }
  #clearRetry() {
    if (this.#retry !== null) this.#options.timers.clear(this.#retry);
    this.#retry = null;
  }
  /** The change-over did not come about in time. */
  #keepOld() {
    if (!this.#current) return;
    this.#trial?.drop();
    this.#trial = null;
  }
  /** The network is back or the page is looked at: a look follows, whatever is under way, or a try at once, or nearly. */
  #wake() {
    if (this.#over) return;
    const { timers } = this.#options;
    const slow = this.#trial && !this.#trial.opened && timers.now() - this.#trial.since >= DEFAULTS.patienceMs;
    if (!this.#current && (!this.#trial || slow)) {
      this.#trial?.drop();
      this.#trial = null;
      this.#soon();
    } else if (this.#probing === null || this.#answered()) {
      this.#clearProbe();
      this.#asked = timers.now();
      this.#probe(DEFAULTS.probeMs);
    }
  }
  #probe(ms) {
    this.#probing = this.#options.timers.set(() => {
      this.#probing = null;
      this.#look();
    }, ms);
  }
  /** Whether anything has shown that it works since the network changed. */
  #answered() {
    return [this.#current, this.#trial].some((one) => one && one.alive >= this.#asked);
  }
  /**
   * The network may be another one, and then nothing comes over the old connections any more: if nothing came for a
   * moment, another one is tried beside those that may still be answered, in the place of one that never opened.
   */
  #look() {
    if (this.#answered()) return;
    const trial = this.#trial;
    const url = trial?.url ?? this.#url;
    if (!trial && !this.#current) {
      this.#soon();
      return;
    }
    if (trial) {
      const left = trial.since + DEFAULTS.patienceMs - this.#options.timers.now();
      if (left > 0) {
        this.#probe(left);
        return;
      }
      if (trial.opened) this.#keepAside(trial);
    }
    this.#dial(url);
  }
  #keepAside(trial) {
    this.#earlier?.drop();
    this.#earlier = trial;
    this.#trial = null;
  }
  #clearProbe() {
    if (this.#probing !== null) this.#options.timers.clear(this.#probing);
    this.#probing = null;
  }
  /** The next try is as the first after a break, unless it is to be made even earlier. */
  #soon() {
    this.#backoff.reset();
    const ms = this.#backoff.next();
    if (this.#retry === null || this.#retryAt > this.#options.timers.now() + ms) this.#later(ms);
  }
};

// src/pace.ts
var SHARE = 0.8;
var HEAD_BYTES = 8;
var PONG_BYTES = 2 + 8 + HEAD_BYTES;
var Pace = class {
  #timers;
  #all = new Buckets();
  #inputs = new Buckets();
  constructor(timers) {
    this.#timers = timers;
  }
  /**
   * A connection begins. The server takes this much a second, 0 for as much as comes, and what one second brings at once;
   * of frames at least `framesAtOnce`, all that may be on their way, so that a new connection can repeat them.
   */
  allow(framesPerSecond, bytesPerSecond, framesAtOnce) {
    const now = this.#timers.now();
    const atOnce = Math.max(framesPerSecond, framesAtOnce);
    this.#all.allow(framesPerSecond, atOnce, bytesPerSecond, now);
    const frames = Math.max(1, Math.floor(atOnce * SHARE));
    this.#inputs.allow(framesPerSecond * SHARE, frames, bytesPerSecond * SHARE, now);
  }
  /** Counts what was said without asking. */
  said(frames, bytes) {
    this.#all.spend(frames, bytes + frames * HEAD_BYTES);
  }
  /** Takes an input's frame of so many bytes along, and says 0; or the milliseconds to wait before asking again. */
  input(bytes) {
    const now = this.#timers.now();
    const cost = bytes + HEAD_BYTES;
    const wait = Math.max(this.#inputs.wait(1, cost, now), this.#wait(cost, now));
    if (wait > 0) return Math.ceil(wait);
    this.#inputs.spend(1, cost);
    this.#all.spend(1, cost);
    return 0;
  }
  /** As `input`, of a frame that is none. */
  other(bytes) {
    const cost = bytes + HEAD_BYTES;
    const wait = this.#wait(cost, this.#timers.now());
    if (wait > 0) return Math.ceil(wait);
    this.#all.spend(1, cost);
    return 0;
  }
  /** How long a frame has to wait. One small one, the next answer to a ping, always has its place. */
  #wait(cost, now) {
    return this.#all.wait(2, cost + PONG_BYTES, now);
  }
};
var Buckets = class {
  #frames = new Bucket();
  #bytes = new Bucket();
  allow(frames, framesAtOnce, bytes, now) {
    this.#frames.allow(frames, framesAtOnce, now);
    this.#bytes.allow(bytes, bytes, now);
  }
  /** Milliseconds until there is room for so much. */
  wait(frames, bytes, now) {
    return Math.max(this.#frames.wait(frames, now), this.#bytes.wait(bytes, now));
  }
  spend(frames, bytes) {
    this.#frames.spend(frames);
    this.#bytes.spend(bytes);
  }
};
var Bucket = class {
  #perSecond = 0;
  #most = 0;
  /** Below zero when more was said than there was. */
  #level = 0;
  #at = 0;
  allow(perSecond, most, now) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#level = most;
    this.#at = now;
  }
  wait(cost, now) {
    if (this.#perSecond <= 0) return 0;
    this.#level = Math.min(this.#most, this.#level + (now - this.#at) * this.#perSecond / 1e3);
    this.#at = now;
    const missing = Math.min(cost, this.#most) - this.#level;
    return missing > 0 ? Math.max(1, missing * 1e3 / this.#perSecond) : 0;
  }
  spend(cost) {
    this.#level -= cost;
  }
};

// src/room.ts
var TOO_LARGE = "PLY-0182";
var Room = class {
  #settings;
  #session;
  #emitter;
  #keeping;
  #link;
  #state;
  #view = null;
  #ackTimer = null;
  #pace;
  #paceTimer = null;
  /** Use `join`. */
  constructor(settings, session) {
    this.#settings = settings;
    this.#session = session;
    this.#emitter = new Emitter(settings.onError);
    this.#pace = new Pace(settings.timers);
    this.#keeping = new Keeping(settings, session);
    const seated = !settings.watch && session.restore(settings.storage.load(settings.key));
    this.#state = seated ? "resuming" : "connecting";
    this.#link = new Link(settings, {
      hello: () => this.#hello(),
      order: (why) => this.#order(why),
      up: (terms, said) => this.#up(terms, said),
      ponged: (bytes) => this.#pace.said(1, bytes),
      frame: (frame) => this.#frame(frame),
      down: (why) => this.#down(why),
      afresh: (why) => this.#afresh(why),
      retry: (why, ms) => this.#tell("retry", why, ms),
      ended: (why) => this.#end({ ...why, left: false })
    });
  }
  /** Where the connection stands. */
  get state() {
    return this.#state;
  }
  /** The player's id in the game; null before the first welcome and for spectators. */
  get session() {
    return this.#session.id;
  }
  /** The room's id, a UUID; null before it is known. */
  get roomId() {
    return this.#session.roomId;
  }
  /** The release the room ran on at the last welcome; empty before it. */
  get release() {
    return this.#session.terms?.release ?? "";
  }
  /** The last input that needs no care any more: it is applied and safe, or was reported as dropped. */
  get applied() {
    return this.#session.outbox.applied;
  }
  /** How many inputs are held because they are not known to be applied. */
  get pending() {
    return this.#session.outbox.size;
  }
  /** The last event taken in. */
  get recv() {
    return this.#session.inbox.recv;
  }
  /** The last view; null before the first. */
  get view() {
    return this.#view;
  }
  /** The WebSocket in use; null while there is none. To look at, not to use. */
  get socket() {
    return this.#link.socket;
  }
  /** Calls `listener` from now on; what it returns stops that. */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }
  /**
   * Sends an input, now or as soon as there is a connection, and again after every break until it is applied.
   * Its number, counted from 1 on this page; false if too much is pending, or the room is ended or only watched.
   * Throws a `RangeError` if the input is larger than the server takes.
   */
  send(input) {
    if (this.#state === "ended" || this.#settings.watch) return false;
    const payload = this.#encode(input);
    const seq = this.#session.outbox.push(input, payload) || this.#coalesce(input);
    if (seq !== false) this.#flush();
    return seq;
  }
  /**
   * Gives the seat up. Without a connection the client looks for one for a few seconds more, in the background, to say
   * so; if there is none, the server notices when the seat's time runs out.
   */
  leave() {
    if (this.#state === "ended") return;
    if (this.#settings.watch) this.#link.stop();
    else this.#link.part(this.#session.seated);
    this.#end({ code: CLOSE.normal, reason: "left", left: true });
  }
  /** Goes away but keeps the seat and, in the storage, the way back to it: no `end` is told. */
  detach() {
    if (this.#state === "ended") return;
    this.#link.stop();
    this.#keeping.detach();
    this.#clearTimers();
    this.#enter("ended", null);
  }
  #encode(input) {
    const payload = this.#settings.codec.encode(input);
    const max = this.#session.inputBytesMax;
    if (payload.length > max)
      throw new RangeError(`playon: an input of ${payload.length} bytes, ${max} are allowed`);
    return payload;
  }
  #coalesce(input) {
    const { coalesce } = this.#settings;
    if (!coalesce) return false;
    const merged = coalesce(this.#session.outbox.waiting(), input);
    return this.#session.outbox.replaceWaiting(
      merged,
      merged.map((one) => this.#encode(one))
    );
  }
  /** The class of the code; but who is refused for good stops, and a room that ended before this page was loaded is not the page's end. */
  #order(why) {
    const stranger = this.#session.terms === null && !this.#session.seated;
    if (stranger && why.status !== void 0 && REFUSALS.includes(why.status)) return "stop";
    const old = this.#session.remembered && why.code === CLOSE.roomEnded;
    return old ? "afresh" : closeClass(why.code);
  }
  #hello() {
    const hello = encodeHello(this.#session.hello());
    if (this.#state !== "ended") this.#keeping.save();
    return hello;
  }
  #up(terms, said) {
    const foreign = this.#foreign(terms);
    if (foreign) {
      this.#link.stop();
      this.#end({ code: CLOSE.version, reason: `${foreign} is not spoken`, left: false });
      return;
    }
    const gap = this.#session.welcome(terms);
    this.#keeping.save();
    this.#state = "open";
    this.#pace.allow(terms.framesPerSecond, terms.bytesPerSecond, terms.inputsPendingMax);
    this.#pace.said(said.frames, said.bytes);
    const flushed = this.#flush();
    if (terms.mode === "new" && !flushed) this.#confirm();
    this.#tell("state", "open", null);
    const { mode, release, ttlMs } = terms;
    this.#tell("welcome", { mode, session: this.session, roomId: this.roomId ?? "", release, ttlMs });
    if (gap) this.#tell("gap", gap);
  }
  /** What the server speaks that this side does not; null if there is nothing. */
  #foreign({ proto, codec }) {
    if (proto < PROTOCOL.min || proto > PROTOCOL.max) return `protocol ${proto}`;
    return codec === this.#settings.codec.id ? null : `payload codec ${codec}`;
  }
  #confirm() {
    const ack = encodeAck(this.#session.inbox.tell());
    this.#pace.said(1, ack.length);
    this.#link.send(ack);
  }
  /** Calls listeners, unless one of them has just ended the room. */
  #tell(name, ...args) {
    if (this.#state !== "ended") this.#emitter.emit(name, ...args);
  }
  #frame(frame) {
    if (frame.type === "event") this.#event(frame.seq, frame.payload);
    else if (frame.type === "view") this.#showView(frame.asOf, frame.payload);
    else if (frame.type === "now") this.#decode(frame.payload, (message) => this.#tell("now", message));
    else if (frame.type === "ack") this.#applied(frame.applied);
    else if (frame.type === "setAside") this.#setAside(frame.inputs, frame.code);
  }
  #event(seq, payload) {
    const arrival = this.#session.event(seq);
    if (arrival === "duplicate") return;
    if (arrival === "gap") throw new FrameError(`event ${seq} came after ${this.recv}`);
    this.#decode(
      payload,
      (event) => this.#tell("event", event, seq),
      () => this.#tell("gap", { reason: "unreadable", missed: 1, lost: 0, dropped: 0 })
    );
    this.#ackSoon();
  }
  #showView(asOf, payload) {
    const gap = this.#session.view(asOf);
    if (gap) this.#tell("gap", gap);
    this.#decode(payload, (view) => {
      this.#view = view;
      this.#tell("view", view, asOf);
    });
    if (gap) this.#ackSoon();
  }
  #setAside(inputs, code) {
    const seqs = this.#session.setAside(inputs);
    if (seqs.length > 0) this.#tell("setAside", seqs, `PLY-${String(code).padStart(4, "0")}`);
  }
  #applied(applied) {
    const { lo } = this.#session.outbox;
    const news = this.#session.applied(applied);
    if (this.#session.outbox.lo > lo) this.#keeping.soon();
    if (news) this.#tell("applied", this.applied);
    this.#flush();
  }
  /** A payload that cannot be decoded would be no better on another connection: it is reported and passed over. */
  #decode(payload, use, unreadable) {
    let value;
    try {
      value = this.#settings.codec.decode(payload);
    } catch (error) {
      this.#settings.onError(error);
      unreadable?.();
      return;
    }
    use(value);
  }
  /** Puts on the socket what may be sent, several inputs to a message; whether there was any. */
  #flush() {
    if (this.#state !== "open") return false;
    const { outbox, inbox, inFlightMax } = this.#session;
    let message = [];
    let bytes = 0;
    let any = false;
    const before = this.applied;
    const refused = [];
    const send = () => {
      if (message.length > 0) this.#link.send(concat(message));
      message = [];
      bytes = 0;
    };
    for (let next = outbox.nextUnsent(inFlightMax); next; next = outbox.nextUnsent(inFlightMax)) {
      if (next.payload.length > this.#session.inputBytesMax) {
        outbox.refuse(next.seq);
        refused.push(next.seq);
        continue;
      }
      const frame = encodeInput(outbox.wire(next.seq), inbox.recv, next.payload);
      const wait = this.#pace.input(frame.length);
      if (wait > 0) {
        this.#flushLater(wait);
        break;
      }
      outbox.markSent(next.seq);
      any = true;
      inbox.tell();
      if (message.length === CLIENT_FRAMES_MAX || bytes + frame.length > CLIENT_MESSAGE_BYTES_MAX) send();
      message.push(frame);
      bytes += frame.length;
    }
    send();
    if (refused.length > 0) this.#tell("setAside", refused, TOO_LARGE);
    if (refused.length > 0 && this.applied > before) this.#tell("applied", this.applied);
    return any;
  }
  #flushLater(ms) {
    this.#paceTimer ??= this.#settings.timers.set(() => {
      this.#paceTimer = null;
      this.#flush();
    }, ms);
  }
  #ackSoon() {
    if (this.#state !== "open") return;
    if (this.#session.inbox.untold >= this.#settings.ackEvery) this.#ack();
    else this.#ackIn(this.#settings.ackMs);
  }
  #ackIn(ms) {
    this.#ackTimer ??= this.#settings.timers.set(() => this.#ack(), ms);
  }
  #ack() {
    this.#clearAckTimer();
    this.#flush();
    const { inbox } = this.#session;
    if (this.#state !== "open" || inbox.untold === 0) return;
    const ack = encodeAck(inbox.recv);
    const wait = this.#pace.other(ack.length);
    if (wait > 0) {
      this.#ackIn(wait);
      return;
    }
    inbox.tell();
    this.#link.send(ack);
  }
  #clearAckTimer() {
    if (this.#ackTimer !== null) this.#settings.timers.clear(this.#ackTimer);
    this.#ackTimer = null;
  }
  #clearTimers() {
    this.#clearAckTimer();
    if (this.#paceTimer !== null) this.#settings.timers.clear(this.#paceTimer);
    this.#paceTimer = null;
  }
  #down(why) {
    this.#keeping.flush();
    this.#enter(this.#session.seated ? "resuming" : "connecting", why);
  }
  #afresh(why) {
    this.#session.forget();
    this.#keeping.remove();
    this.#enter("connecting", why);
  }
  #end(end) {
    this.#clearTimers();
    if (end.code !== CLOSE.replaced) this.#keeping.remove();
    this.#keeping.stop();
    const gap = this.#session.givenUp();
    if (gap && gap.dropped > 0) this.#tell("gap", gap);
    this.#enter("ended", end);
    this.#emitter.emit("end", end);
  }
  #enter(state, why) {
    if (this.#state === state) return;
    if (state !== "open") this.#clearTimers();
    this.#state = state;
    this.#emitter.emit("state", state, why);
  }
};

// src/inbox.ts
var Inbox = class {
  #recv = 0;
  #told = 0;
  /** The last event taken in. */
  get recv() {
    return this.#recv;
  }
  /** Events taken in of which the server has not been told. */
  get untold() {
    return this.#recv - this.#told;
  }
  /** Takes event `seq` in if it is the next one. A gap leaves everything as it was. */
  event(seq) {
    if (seq <= this.#recv) return "duplicate";
    if (seq > this.#recv + 1) return "gap";
    this.#recv = seq;
    return "next";
  }
  /** Takes a view as of event `asOf` in; how many events it came instead of. */
  view(asOf) {
    const missed = Math.max(0, asOf - this.#recv);
    this.#recv += missed;
    return missed;
  }
  /** The server is being told of `recv`; tells it. */
  tell() {
    this.#told = this.#recv;
    return this.#recv;
  }
  /** Goes on after event `seq`, wherever it was before. */
  restart(seq) {
    this.#recv = seq;
    this.#told = seq;
  }
};

// src/session.ts
var NOTHING = new Uint8Array();
var Session = class {
  inbox = new Inbox();
  outbox;
  #request;
  #token = NOTHING;
  #room = NOTHING;
  #history = 0;
  #generation = 0;
  /** First input that was not acknowledged; what a reloaded page has to go by instead of the outbox. */
  #lo = 1;
  /** Whether this object, and not just the page before the reload, was welcomed into the session. */
  #known = false;
  /** The last event that was taken in when the session was put away with `detach`; null if it was not. */
  #left = null;
  /** Inputs given up with the last session, to be reported with the next one. */
  #dropped = null;
  #terms = null;
  constructor(request, outbox) {
    this.#request = request;
    this.#room = request.room;
    this.outbox = outbox;
  }
  /** Whether there is a seat to come back to. */
  get seated() {
    return this.#token.length > 0;
  }
  /** Whether the seat is one that this page has only read about in its storage. */
  get remembered() {
    return this.seated && !this.#known;
  }
  /** The session's id, which is the player's id in the game; null without one. */
  get id() {
    if (!this.seated) return null;
    const view = new DataView(this.#token.buffer, this.#token.byteOffset, TOKEN_BYTES);
    return Number(view.getBigUint64(0));
  }
  /** The room's id; null before it is known. */
  get roomId() {
    return this.#room.length === ROOM_BYTES ? toUuid(this.#room) : null;
  }
  /** The last answer of the server; null before it. */
  get terms() {
    return this.#terms;
  }
  /** Inputs that may be sent and not applied. */
  get inFlightMax() {
    return this.#terms?.inputsPendingMax ?? 0;
  }
  /** Bytes of one input. */
  get inputBytesMax() {
    return this.#terms?.inputBytesMax ?? DEFAULTS.inputBytesMax;
  }
  /** The first frame of a new socket. Each is of a higher generation than all before it. */
  hello() {
    this.#generation = Math.min(this.#generation + 1, GENERATION_MAX);
    const { watch, deltas, kind, name, profile, params } = this.#request;
    return {
      protoMin: PROTOCOL.min,
      protoMax: PROTOCOL.max,
      watch,
      deltas,
      token: this.#token,
      room: this.#room,
      kind,
      name,
      profile: this.seated ? NOTHING : profile,
      params: this.seated ? NOTHING : params,
      // A page that was reloaded has seen nothing, whatever the one before it had.
      whole: this.seated && !this.#known,
      history: this.#history,
      generation: this.#generation,
      recv: this.#known ? this.inbox.recv : 0,
      lo: this.#known ? this.outbox.lo : this.#lo
    };
  }
  /** The server's answer; what the page has to be told was missed, if anything. Throws a `TermsError`. */
  welcome(terms) {
    this.#check(terms);
    const gap = this.#enter(terms);
    if (terms.token.length > 0) this.#token = terms.token;
    this.#room = terms.room;
    this.#history = terms.history;
    this.#generation = Math.max(this.#generation, terms.generation);
    this.#terms = terms;
    this.#known = true;
    this.#left = null;
    return gap;
  }
  /** Event `seq` came in. */
  event(seq) {
    return this.inbox.event(seq);
  }
  /** A view as of event `asOf` came in. */
  view(asOf) {
    const missed = this.inbox.view(asOf);
    return missed > 0 ? { reason: "view", missed, lost: 0, dropped: 0 } : null;
  }
  /** Inputs up to `applied` are applied and safe; whether that was news. */
  applied(applied) {
    const freed = this.outbox.ack(applied);
    if (freed === null) throw new FrameError("an input that was never sent is acknowledged");
    return freed > 0;
  }
  /** These inputs were set aside; the numbers that this page knows them by, without those it was told of before. */
  setAside(inputs) {
    return inputs.filter((seq) => seq >= this.outbox.lo).map((seq) => this.outbox.ours(seq)).filter((seq) => seq > 0);
  }
  /** Gives the session up, to begin another one with the next socket. */
  forget() {
    if (this.seated || this.#known) this.#dropped = (this.#dropped ?? 0) + this.outbox.clear();
    this.#token = NOTHING;
    this.#room = this.#request.room;
    this.#history = 0;
    this.#generation = 0;
    this.#lo = 1;
    this.#known = false;
    this.#left = null;
  }
  /** What went with sessions that were given up, once; null if none was. */
  givenUp() {
    const dropped = this.#dropped;
    this.#dropped = null;
    return dropped === null ? null : { reason: "afresh", missed: null, lost: 0, dropped };
  }
  /** What a reloaded page needs to come back to its seat; null without one. `detached` if this page goes on without it. */
  save(detached = false) {
    if (!this.seated) return null;
    return JSON.stringify({
      token: toHex(this.#token),
      room: toHex(this.#room),
      generation: this.#generation,
      history: this.#history,
      lo: this.#known ? this.outbox.lo : this.#lo,
      ...detached && this.#known ? { left: this.inbox.recv } : {}
    });
  }
  /** Whether that is what a later page, or one of another session, has saved. */
  outdated(saved) {
    const { token, generation } = parse(saved);
    if (token === void 0) return false;
    return token !== toHex(this.#token) || Number(generation) > this.#generation;
  }
  /** Takes up what `save` told, if it can be read; whether there is a seat now. */
  restore(saved) {
    const parsed = parse(saved);
    const token = fromHex(String(parsed.token));
    const room = fromHex(String(parsed.room));
    const generation = Number(parsed.generation);
    const lo = Number(parsed.lo);
    const history = Number(parsed.history ?? 0);
    const left = parsed.left === void 0 ? null : Number(parsed.left);
    if (token?.length !== TOKEN_BYTES || room?.length !== ROOM_BYTES) return false;
    if (!Number.isSafeInteger(generation) || generation < 0 || !Number.isSafeInteger(lo) || lo < 1)
      return false;
    this.#token = token;
    this.#room = room;
    this.#generation = generation;
    this.#lo = lo;
    this.#history = Number.isSafeInteger(history) && history >= 0 ? history : 0;
    this.#left = left !== null && Number.isSafeInteger(left) && left >= 0 ? left : null;
    return true;
  }
  /** Refuses an answer that makes no sense. */
  #check(terms) {
    const { watch } = this.#request;
    const asked = watch ? "watching" : this.seated ? "resumed" : "new";
    const answered = terms.mode === "fresh" ? "resumed" : terms.mode;
    if (answered !== asked) throw new TermsError(`welcomed as ${terms.mode} instead of ${asked}`);
    if (watch) return;
    if (asked === "new" && terms.token.length === 0) throw new TermsError("a new session without a token");
    const { inNext } = terms;
    const possible = asked === "new" ? inNext === 1 : this.#known ? this.outbox.possible(inNext) : inNext >= this.#lo;
    if (!possible) throw new TermsError("an input is wanted that is not there");
  }
  #enter(terms) {
    const first = !this.#known;
    const resumed = !first && terms.mode === "resumed";
    const last = first ? this.#left : this.inbox.recv;
    const missed = terms.history === this.#history ? Math.max(0, terms.eventSeq - (last ?? terms.eventSeq)) : null;
    if (terms.mode !== "watching") {
      if (first) this.outbox.anchor(terms.inNext, this.seated ? this.#lo : 1);
      else this.outbox.rewind(terms.inNext);
    }
    if (!resumed) this.inbox.restart(terms.eventSeq);
    const lost = terms.history === this.#history ? 0 : terms.lost;
    const given = this.givenUp();
    if (given) return { ...given, lost };
    const whole2 = resumed || first && this.#left === null ? 0 : missed;
    return whole2 === 0 && lost === 0 ? null : { reason: "fresh", missed: whole2, lost, dropped: 0 };
  }
};
function parse(saved) {
  try {
    const value = JSON.parse(saved ?? "{}");
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

// src/client.ts
var NOTHING2 = new Uint8Array();
function join(options) {
  const settings = settle(options);
  const encode = (value) => value === void 0 ? NOTHING2 : settings.codec.encode(value);
  const room = settings.room === "" ? NOTHING2 : fromUuid(settings.room);
  if (room === null) throw new TypeError(`playon: not the id of a room: ${settings.room}`);
  const request = {
    watch: settings.watch,
    deltas: settings.deltas,
    room,
    kind: settings.kind,
    name: settings.name,
    profile: encode(settings.profile),
    params: encode(settings.params)
  };
  const outbox = new Outbox(settings.inputsMax, settings.inputsBytesMax);
  return new Room(settings, new Session(request, outbox));
}
export {
  BACKOFF_MS,
  DEFAULTS,
  MODES,
  MemoryStorage,
  PROTOCOL,
  PageStorage,
  STATES,
  closeClass,
  join,
  json
};
