/** Forgets everything with the object. */
export class MemoryStorage {
    #values = new Map();
    load(key) {
        return this.#values.get(key) ?? null;
    }
    save(key, value) {
        this.#values.set(key, value);
    }
    remove(key) {
        this.#values.delete(key);
    }
}
/**
 * Keeps sessions in the page's `sessionStorage` or `localStorage`. A page that may not use it (private mode, full,
 * forbidden) plays on and only loses its seat at a reload.
 */
export class PageStorage {
    #storage;
    constructor(storage) {
        this.#storage = storage;
    }
    load(key) {
        return quietly(() => this.#storage.getItem(key)) ?? null;
    }
    save(key, value) {
        quietly(() => this.#storage.setItem(key, value));
    }
    remove(key) {
        quietly(() => this.#storage.removeItem(key));
    }
}
/** `sessionStorage` in a browser, memory elsewhere: one seat per tab, gone with the tab. */
export function defaultStorage() {
    // The mere name throws in a page whose storage is blocked.
    const page = quietly(() => globalThis.sessionStorage);
    const browser = globalThis.document !== undefined;
    return browser && page ? new PageStorage(page) : new MemoryStorage();
}
function quietly(run) {
    try {
        return run();
    }
    catch {
        return undefined;
    }
}
