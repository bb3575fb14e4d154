export { BACKOFF_MS } from './backoff.js';
export { join } from './client.js';
export { json } from './codec.js';
export { closeClass, DEFAULTS, MODES, PROTOCOL, STATES, } from './constants.js';
export { MemoryStorage, PageStorage } from './storage.js';
