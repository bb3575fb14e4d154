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
/** Keeps sessions in the page's `sessionStorage` or `localStorage`. */
export class PageStorage {
    #storage;
    constructor(storage) {
        this.#storage = storage;
    }
    load(key) {
        return this.#storage.getItem(key);
    }
    save(key, value) {
        this.#storage.setItem(key, value);
    }
    remove(key) {
        this.#storage.removeItem(key);
    }
}
/**
 * A storage that may fail (private mode, full, forbidden): the room plays on and only loses its seat at a reload.
 * The first failure is told, as nothing is kept of the session from there on; later ones are not.
 */
export class GuardedStorage {
    #storage;
    #tell;
    #told = false;
    constructor(storage, tell) {
        this.#storage = storage;
        this.#tell = tell;
    }
    load(key) {
        const value = this.#try(() => this.#storage.load(key)) ?? null;
        if (value === null || typeof value === 'string')
            return value;
        this.#failed(new TypeError('`load` gives something else than text'));
        return null;
    }
    save(key, value) {
        this.#try(() => this.#storage.save(key, value));
    }
    remove(key) {
        this.#try(() => this.#storage.remove(key));
    }
    #try(run) {
        try {
            const result = run();
            // Nobody waits for one that works later, but its failure would end a program in Node.
            if (result instanceof Promise)
                result.catch((error) => this.#failed(error));
            return result;
        }
        catch (error) {
            this.#failed(error);
            return undefined;
        }
    }
    #failed(cause) {
        if (this.#told)
            return;
        this.#told = true;
        const why = cause instanceof Error ? cause.message : String(cause);
        this.#tell(new Error(`playon: the session cannot be kept for a reload: ${why}`, { cause }));
    }
}
/** What was passed as a storage: one, or a `localStorage`. Throws a `TypeError` about anything else. */
export function asStorage(given) {
    if (can(given, 'load', 'save', 'remove'))
        return given;
    if (can(given, 'getItem', 'setItem', 'removeItem'))
        return new PageStorage(given);
    throw new TypeError('playon: `storage` must have `load`, `save` and `remove`, or be a `localStorage`');
}
/** Whether it has all these methods. What is stored in a `localStorage` looks like fields of it, but not like methods. */
function can(given, ...methods) {
    if (typeof given !== 'object' || given === null)
        return false;
    return methods.every((method) => typeof given[method] === 'function');
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
