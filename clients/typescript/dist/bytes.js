/** Bytes as hexadecimal digits, two each. */
export function toHex(bytes) {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
/** The bytes that digits in pairs stand for; null if the text is anything else. */
export function fromHex(text) {
    if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text))
        return null;
    return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
/** 16 bytes as a UUID with hyphens. */
export function toUuid(bytes) {
    return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
/** The bytes of a UUID, with or without hyphens; null if the text is none. */
export function fromUuid(text) {
    const bytes = fromHex(text.replaceAll('-', ''));
    return bytes?.length === 16 ? bytes : null;
}
