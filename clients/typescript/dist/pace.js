/** The part of what the server takes that inputs may use; the rest is for acknowledgements and answers to pings. */
const SHARE = 0.8;
/** Bytes of the head of a WebSocket frame, at most: those of the client are masked and shorter than 64 KiB. */
const HEAD_BYTES = 8;
/** Bytes of an answer to a ping, at most: its own head, a number and the head of its WebSocket frame. */
const PONG_BYTES = 2 + 8 + HEAD_BYTES;
/** How fast this side may talk: what the server takes in all, and what inputs may use of that. All counts, from HELLO on. */
export class Pace {
    #timers;
    #all = new Buckets();
    #inputs = new Buckets();
    constructor(timers) {
        this.#timers = timers;
    }
    /**
     * A connection begins. The server takes this much a second, 0 for as much as comes, and what one second brings at once;
     * of frames at least `framesAtOnce`, all that may be on their way, so that a new connection can repeat them.
     */
    allow(framesPerSecond, bytesPerSecond, framesAtOnce) {
        const now = this.#timers.now();
        const atOnce = Math.max(framesPerSecond, framesAtOnce);
        this.#all.allow(framesPerSecond, atOnce, bytesPerSecond, now);
        // Of what is hardly anything, at least one is left.
        const frames = Math.max(1, Math.floor(atOnce * SHARE));
        this.#inputs.allow(framesPerSecond * SHARE, frames, bytesPerSecond * SHARE, now);
    }
    /** Counts what was said without asking. */
    said(frames, bytes) {
        this.#all.spend(frames, bytes + frames * HEAD_BYTES);
    }
    /** Takes an input's frame of so many bytes along, and says 0; or the milliseconds to wait before asking again. */
    input(bytes) {
        const now = this.#timers.now();
        const cost = bytes + HEAD_BYTES;
        const wait = Math.max(this.#inputs.wait(1, cost, now), this.#wait(cost, now));
        if (wait > 0)
            return Math.ceil(wait);
        this.#inputs.spend(1, cost);
        this.#all.spend(1, cost);
        return 0;
    }
    /** As `input`, of a frame that is none. */
    other(bytes) {
        const cost = bytes + HEAD_BYTES;
        const wait = this.#wait(cost, this.#timers.now());
        if (wait > 0)
            return Math.ceil(wait);
        this.#all.spend(1, cost);
        return 0;
    }
    /** How long a frame has to wait. One small one, the next answer to a ping, always has its place. */
    #wait(cost, now) {
        return this.#all.wait(2, cost + PONG_BYTES, now);
    }
}
/** Frames and bytes. */
class Buckets {
    #frames = new Bucket();
    #bytes = new Bucket();
    allow(frames, framesAtOnce, bytes, now) {
        this.#frames.allow(frames, framesAtOnce, now);
        this.#bytes.allow(bytes, bytes, now);
    }
    /** Milliseconds until there is room for so much. */
    wait(frames, bytes, now) {
        return Math.max(this.#frames.wait(frames, now), this.#bytes.wait(bytes, now));
    }
    spend(frames, bytes) {
        this.#frames.spend(frames);
        this.#bytes.spend(bytes);
    }
}
/** Fills up with time. */
class Bucket {
    #perSecond = 0;
    #most = 0;
    /** Below zero when more was said than there was. */
    #level = 0;
    #at = 0;
    allow(perSecond, most, now) {
        this.#perSecond = perSecond;
        this.#most = most;
        this.#level = most;
        this.#at = now;
    }
    wait(cost, now) {
        if (this.#perSecond <= 0)
            return 0;
        this.#level = Math.min(this.#most, this.#level + ((now - this.#at) * this.#perSecond) / 1_000);
        this.#at = now;
        // What is larger than the bucket leaves when that is full.
        const missing = Math.min(cost, this.#most) - this.#level;
        return missing > 0 ? Math.max(1, (missing * 1_000) / this.#perSecond) : 0;
    }
    spend(cost) {
        this.#level -= cost;
    }
}
