const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
/** JSON in UTF-8, what every server speaks. */
export const json = {
    id: 0,
    encode: (value) => encoder.encode(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(decoder.decode(bytes)),
};
