/** What a listener is called with, by the name of what it listens to. */
type Signals = {
    [name: string]: unknown[];
};
/** Calls listeners; a listener that throws disturbs neither the others nor the caller. */
export declare class Emitter<S extends Signals> {
    #private;
    /** `onError` gets what listeners throw. */
    constructor(onError: (error: unknown) => void);
    /** Calls `listener` from now on; what it returns stops that. */
    on<N extends keyof S>(name: N, listener: (...args: S[N]) => void): () => void;
    /** Calls every listener in the order they came. */
    emit<N extends keyof S>(name: N, ...args: S[N]): void;
}
export {};
