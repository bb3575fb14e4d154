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
type WebStorage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

/**
 * Keeps sessions in the page's `sessionStorage` or `localStorage`. A page that may not use it (private mode, full,
 * forbidden) plays on and only loses its seat at a reload.
 */
export class PageStorage implements Storage {
  readonly #storage: WebStorage;

  constructor(storage: WebStorage) {
    this.#storage = storage;
  }

  load(key: string): string | null {
    return quietly(() => this.#storage.getItem(key)) ?? null;
  }

  save(key: string, value: string): void {
    quietly(() => this.#storage.setItem(key, value));
  }

  remove(key: string): void {
    quietly(() => this.#storage.removeItem(key));
  }
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
