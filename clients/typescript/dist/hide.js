/** In a browser: the page is left or hidden, after which it may be ended without being asked. Elsewhere never. */
export const browserHide = (going) => {
    const page = globalThis;
    const hidden = () => {
        if (page.document?.visibilityState === 'hidden')
            going();
    };
    page.addEventListener?.('pagehide', going);
    page.document?.addEventListener('visibilitychange', hidden);
    return () => {
        page.removeEventListener?.('pagehide', going);
        page.document?.removeEventListener('visibilitychange', hidden);
    };
};
