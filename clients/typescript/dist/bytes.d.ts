/** Bytes as hexadecimal digits, two each. */
export declare function toHex(bytes: Uint8Array): string;
/** The bytes that digits in pairs stand for; null if the text is anything else. */
export declare function fromHex(text: string): Uint8Array | null;
/** 16 bytes as a UUID with hyphens. */
export declare function toUuid(bytes: Uint8Array): string;
/** The bytes of a UUID, with or without hyphens; null if the text is none. */
export declare function fromUuid(text: string): Uint8Array | null;
