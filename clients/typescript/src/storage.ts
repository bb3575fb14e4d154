/** Where a session is kept so that a reloaded page finds its seat again. Values are short strings. */
export interface Storage {
  load(key: string): string | null;
  save(key: string, value: string): void;
  remove(key: string): void;
}

/** Forgets everything with the object. */
export class MemoryStorage implements Storage {
  readonly #values = new Map<string, string>();

  load(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  save(key: string, value: string): void {
    this.#values.set(key, value);
  }

  remove(key: string): void {
    this.#values.delete(key);
  }
}

/** The part of `sessionStorage` or `localStorage` that is used. */
export type WebStorage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Keeps sessions in the page's `sessionStorage` or `localStorage`. */
export class PageStorage implements Storage {
  readonly #storage: WebStorage;

  constructor(storage: WebStorage) {
    this.#storage = storage;
  }

  load(key: string): string | null {
    return this.#storage.getItem(key);
  }

  save(key: string, value: string): void {
    this.#storage.setItem(key, value);
  }

  remove(key: string): void {
    this.#storage.removeItem(key);
  }
}

/**
 * A storage that may fail (private mode, full, forbidden): the room plays on and only loses its seat at a reload.
 * The first failure is told, as nothing is kept of the session from there on; later ones are not.
 */
export class GuardedStorage implements Storage {
  readonly #storage: Storage;
  readonly #tell: (error: unknown) => void;
  #told = false;

  constructor(storage: Storage, tell: (error: unknown) => void) {
    this.#storage = storage;
    this.#tell = tell;
  }

  load(key: string): string | null {
    const value = this.#try(() => this.#storage.load(key)) ?? null;
    if (value === null || typeof value === 'string') return value;
    this.#failed(new TypeError('`load` gives something else than text'));
    return null;
  }

  save(key: string, value: string): void {
    this.#try(() => this.#storage.save(key, value));
  }

  remove(key: string): void {
    this.#try(() => this.#storage.remove(key));
  }

  #try<T>(run: () => T): T | undefined {
    try {
      const result: unknown = run();
      // Nobody waits for one that works later, but its failure would end a program in Node.
      if (result instanceof Promise) result.catch((error) => this.#failed(error));
      return result as T;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #failed(cause: unknown): void {
    if (this.#told) return;
    this.#told = true;
    const why = cause instanceof Error ? cause.message : String(cause);
    this.#tell(new Error(`playon: the session cannot be kept for a reload: ${why}`, { cause }));
  }
}

/** What was passed as a storage: one, or a `localStorage`. Throws a `TypeError` about anything else. */
export function asStorage(given: Storage | WebStorage): Storage {
  if (can(given, 'load', 'save', 'remove')) return given as Storage;
  if (can(given, 'getItem', 'setItem', 'removeItem')) return new PageStorage(given as WebStorage);
  throw new TypeError('playon: `storage` must have `load`, `save` and `remove`, or be a `localStorage`');
}

/** Whether it has all these methods. What is stored in a `localStorage` looks like fields of it, but not like methods. */
function can(given: unknown, ...methods: string[]): boolean {
  if (typeof given !== 'object' || given === null) return false;
  return methods.every((method) => typeof (given as Record<string, unknown>)[method] === 'function');
}

/** `sessionStorage` in a browser, memory elsewhere: one seat per tab, gone with the tab. */
export function defaultStorage(): Storage {
  // The mere name throws in a page whose storage is blocked.
  const page = quietly(() => (globalThis as { sessionStorage?: WebStorage }).sessionStorage);
  const browser = (globalThis as { document?: unknown }).document !== undefined;
  return browser && page ? new PageStorage(page) : new MemoryStorage();
}

function quietly<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
