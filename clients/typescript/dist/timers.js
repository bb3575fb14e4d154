/** The timers of the page or of Node. */
export const systemTimers = {
    now: () => performance.now(),
    set: (run, ms) => setTimeout(run, ms),
    clear: (timer) => clearTimeout(timer),
};
