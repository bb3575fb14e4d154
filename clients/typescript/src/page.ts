/** Calls back when something happens to the page; what it returns stops that. */
export type PageCalls = (callback: () => void) => () => void;

/** In a browser: at that event of the page, and when it gets that visibility. Elsewhere never. */
export function pageCalls(event: string, visibility: DocumentVisibilityState): PageCalls {
  return (callback) => {
    const page = globalThis as Partial<Pick<Window, 'document' | 'addEventListener' | 'removeEventListener'>>;
    const changed = () => {
      if (page.document?.visibilityState === visibility) callback();
    };
    page.addEventListener?.(event, callback);
    page.document?.addEventListener('visibilitychange', changed);
    return () => {
      page.removeEventListener?.(event, callback);
      page.document?.removeEventListener('visibilitychange', changed);
    };
  };
}

/** The network is back, or the page is looked at again: it is worth trying at once. */
export const browserWake: PageCalls = pageCalls('online', 'visible');

/** The page is left or hidden, after which it may be ended without being asked. */
export const browserHide: PageCalls = pageCalls('pagehide', 'hidden');
