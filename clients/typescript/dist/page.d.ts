/** Calls back when something happens to the page; what it returns stops that. */
export type PageCalls = (callback: () => void) => () => void;
/** In a browser: at that event of the page, and when it gets that visibility. Elsewhere never. */
export declare function pageCalls(event: string, visibility: DocumentVisibilityState): PageCalls;
/** The network is back, or the page is looked at again: it is worth trying at once. */
export declare const browserWake: PageCalls;
/** The page is left or hidden, after which it may be ended without being asked. */
export declare const browserHide: PageCalls;
