import { BACKOFF_MS } from './backoff.js';
import { json } from './codec.js';
import { DEFAULTS } from './constants.js';
import { socketUrl } from './mover.js';
import { browserHide, browserWake } from './page.js';
import { asStorage, defaultStorage, GuardedStorage } from './storage.js';
import { systemTimers } from './timers.js';
/** Fills the defaults in. Throws a `TypeError` about options that cannot work. */
export function settle(options) {
    const url = socketUrl(options.url ?? '/play', pageUrl());
    if (url === null)
        throw new TypeError(`playon: no WebSocket address: ${options.url ?? '(none given)'}`);
    const WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (!WebSocket)
        throw new TypeError('playon: there is no WebSocket here; pass one, for example that of `ws`');
    const { kind, name = '', room = '', storage = defaultStorage() } = options;
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    return {
        profile: undefined,
        params: undefined,
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
        WebSocket,
    };
}
function pageUrl() {
    return globalThis.location?.href;
}
function report(error) {
    const { reportError } = globalThis;
    if (reportError)
        reportError(error);
    else
        console.error(error);
}
