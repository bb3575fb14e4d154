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
type WebStorage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;
/**
 * Keeps sessions in the page's `sessionStorage` or `localStorage`. A page that may not use it (private mode, full,
 * forbidden) plays on and only loses its seat at a reload.
 */
export declare class PageStorage implements Storage {
    #private;
    constructor(storage: WebStorage);
    load(key: string): string | null;
    save(key: string, value: string): void;
    remove(key: string): void;
}
/** `sessionStorage` in a browser, memory elsewhere: one seat per tab, gone with the tab. */
export declare function defaultStorage(): Storage;
export {};
