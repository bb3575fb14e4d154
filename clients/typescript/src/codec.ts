/** How inputs, events, views, profiles and params become bytes and back. */
export interface Codec {
  /** The number the server names its codec by; 0 is JSON. */
  readonly id: number;
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** JSON in UTF-8, what every server speaks. */
export const json: Codec = {
  id: 0,
  encode: (value) => encoder.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes)),
};
