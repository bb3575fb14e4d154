import { type Options } from './options.js';
import { Room } from './room.js';
/**
 * Takes a seat in a room, or the seat that this page had in it, and keeps it until one leaves.
 *
 * Connects at once and goes on by itself: listeners added right after this call miss nothing. Throws a `TypeError`
 * about options that cannot work; nothing later throws.
 */
export declare function join<Input = unknown, Event = unknown, View = unknown, Now = Event>(options: Options<Input>): Room<Input, Event, View, Now>;
