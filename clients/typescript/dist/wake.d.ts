/** Calls back when it is worth trying again at once; what it returns stops that. */
export type Wake = (again: () => void) => () => void;
/** In a browser: the network is back, or the page is looked at again. Elsewhere never. */
export declare const browserWake: Wake;
