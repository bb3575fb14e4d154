/** Calls back when the page may go without another word; what it returns stops that. */
export type Hide = (going: () => void) => () => void;

/** In a browser: the page is left or hidden, after which it may be ended without being asked. Elsewhere never. */
export const browserHide: Hide = (going) => {
  const page = globalThis as Partial<Pick<Window, 'document' | 'addEventListener' | 'removeEventListener'>>;
  const hidden = () => {
    if (page.document?.visibilityState === 'hidden') going();
  };
  page.addEventListener?.('pagehide', going);
  page.document?.addEventListener('visibilitychange', hidden);
  return () => {
    page.removeEventListener?.('pagehide', going);
    page.document?.removeEventListener('visibilitychange', hidden);
  };
};
