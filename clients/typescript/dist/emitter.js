/** Calls listeners; a listener that throws disturbs neither the others nor the caller. */
export class Emitter {
    #listeners = new Map();
    #onError;
    /** `onError` gets what listeners throw. */
    constructor(onError) {
        this.#onError = onError;
    }
    /** Calls `listener` from now on; what it returns stops that. */
    on(name, listener) {
        const listeners = this.#listeners.get(name) ?? new Set();
        this.#listeners.set(name, listeners.add(listener));
        return () => {
            listeners.delete(listener);
        };
    }
    /** Calls every listener in the order they came. */
    emit(name, ...args) {
        for (const listener of [...(this.#listeners.get(name) ?? [])]) {
            try {
                listener(...args);
            }
            catch (error) {
                this.#onError(error);
            }
        }
    }
}
