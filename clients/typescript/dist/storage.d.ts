/** Where a session is kept so that a reloaded page finds its seat again. Values are short strings. */
export interface Storage {
    load(key: string): string | null;
    save(key: string, value: string): void;
    remove(key: string): void;
}
/** Forgets everything with the object. */
export declare class MemoryStorage implements Storage {
    #private;
    load(key: string): string | null;
    save(key: string, value: string): void;
    remove(key: string): void;
}
/** The part of `sessionStorage` or `localStorage` that is used. */
export type WebStorage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;
/** Keeps sessions in the page's `sessionStorage` or `localStorage`. */
export declare class PageStorage implements Storage {
    #private;
    constructor(storage: WebStorage);
    load(key: string): string | null;
    save(key: string, value: string): void;
    remove(key: string): void;
}
/**
 * A storage that may fail (private mode, full, forbidden): the room plays on and only loses its seat at a reload.
 * The first failure is told, as nothing is kept of the session from there on; later ones are not.
 */
export declare class GuardedStorage implements Storage {
    #private;
    constructor(storage: Storage, tell: (error: unknown) => void);
    load(key: string): string | null;
    save(key: string, value: string): void;
    remove(key: string): void;
}
/** What was passed as a storage: one, or a `localStorage`. Throws a `TypeError` about anything else. */
export declare function asStorage(given: Storage | WebStorage): Storage;
/** `sessionStorage` in a browser, memory elsewhere: one seat per tab, gone with the tab. */
export declare function defaultStorage(): Storage;
