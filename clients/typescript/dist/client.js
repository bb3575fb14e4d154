import { fromUuid } from './bytes.js';
import { settle } from './options.js';
import { Outbox } from './outbox.js';
import { Room } from './room.js';
import { Session } from './session.js';
const NOTHING = new Uint8Array();
/**
 * Takes a seat in a room, or the seat that this page had in it, and keeps it until one leaves.
 *
 * Connects at once and goes on by itself: listeners added right after this call miss nothing. Throws a `TypeError`
 * about options that cannot work; nothing later throws.
 */
export function join(options) {
    const settings = settle(options);
    const encode = (value) => (value === undefined ? NOTHING : settings.codec.encode(value));
    const room = settings.room === '' ? NOTHING : fromUuid(settings.room);
    if (room === null)
        throw new TypeError(`playon: not the id of a room: ${settings.room}`);
    const request = {
        watch: settings.watch,
        deltas: settings.deltas,
        room,
        kind: settings.kind,
        name: settings.name,
        profile: encode(settings.profile),
        params: encode(settings.params),
    };
    const outbox = new Outbox(settings.inputsMax, settings.inputsBytesMax);
    return new Room(settings, new Session(request, outbox));
}
