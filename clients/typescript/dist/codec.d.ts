/** How inputs, events, views, profiles and params become bytes and back. */
export interface Codec {
    /** The number the server names its codec by; 0 is JSON. */
    readonly id: number;
    encode(value: unknown): Uint8Array;
    decode(bytes: Uint8Array): unknown;
}
/** JSON in UTF-8, what every server speaks. */
export declare const json: Codec;
