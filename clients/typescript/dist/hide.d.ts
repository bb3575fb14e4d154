/** Calls back when the page may go without another word; what it returns stops that. */
export type Hide = (going: () => void) => () => void;
/** In a browser: the page is left or hidden, after which it may be ended without being asked. Elsewhere never. */
export declare const browserHide: Hide;
