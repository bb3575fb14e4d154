export { BACKOFF_MS } from './backoff.js';
export { join } from './client.js';
export { type Codec, json } from './codec.js';
export type { Closed } from './connection.js';
export {
  type CloseClass,
  closeClass,
  DEFAULTS,
  MODES,
  type Mode,
  PROTOCOL,
  STATES,
  type State,
} from './constants.js';
export type { Options } from './options.js';
export type { Coalesce } from './outbox.js';
export type { PageCalls } from './page.js';
export type { End, Room, RoomEvents, Welcomed } from './room.js';
export type { Gap } from './session.js';
export type { Socket, SocketConstructor } from './socket.js';
export { MemoryStorage, PageStorage, type Storage, type WebStorage } from './storage.js';
export type { Timers } from './timers.js';
