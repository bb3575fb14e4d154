/** Calls back when it is worth trying again at once; what it returns stops that. */
export type Wake = (again: () => void) => () => void;

/** In a browser: the network is back, or the page is looked at again. Elsewhere never. */
export const browserWake: Wake = (again) => {
  const page = globalThis as Partial<Pick<Window, 'document' | 'addEventListener' | 'removeEventListener'>>;
  const shown = () => {
    if (page.document?.visibilityState === 'visible') again();
  };
  page.addEventListener?.('online', again);
  page.document?.addEventListener('visibilitychange', shown);
  return () => {
    page.removeEventListener?.('online', again);
    page.document?.removeEventListener('visibilitychange', shown);
  };
};
