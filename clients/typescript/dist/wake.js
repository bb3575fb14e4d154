/** In a browser: the network is back, or the page is looked at again. Elsewhere never. */
export const browserWake = (again) => {
    const page = globalThis;
    const shown = () => {
        if (page.document?.visibilityState === 'visible')
            again();
    };
    page.addEventListener?.('online', again);
    page.document?.addEventListener('visibilitychange', shown);
    return () => {
        page.removeEventListener?.('online', again);
        page.document?.removeEventListener('visibilitychange', shown);
    };
};
