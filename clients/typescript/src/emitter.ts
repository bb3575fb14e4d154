/** What a listener is called with, by the name of what it listens to. */
type Signals = { [name: string]: unknown[] };

/** Calls listeners; a listener that throws disturbs neither the others nor the caller. */
export class Emitter<S extends Signals> {
  readonly #listeners = new Map<keyof S, Set<unknown>>();
  readonly #onError: (error: unknown) => void;

  /** `onError` gets what listeners throw. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Calls `listener` from now on; what it returns stops that. */
  on<N extends keyof S>(name: N, listener: (...args: S[N]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
    };
  }

  /** Calls every listener in the order they came. */
  emit<N extends keyof S>(name: N, ...args: S[N]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (...args: S[N]) => void)(...args);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
