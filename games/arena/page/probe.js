// What the page itself noticed, for tests and for whoever opens the console.

const STEP_MS = 50;

/**
 * `window.arena`:
 *
 * - `room`: the room of the TypeScript client (`room.socket` is the WebSocket in use), `null` before one plays.
 * - `lastView`: the newest view, `null` before the first. `views`: how many came. `events`: how many events came.
 * - `tick`, `you`, `score`: from the newest view; `score` is one's own, 0 for a spectator.
 * - `sockets`: how many different sockets were in use. `states`: connection states in order, newest last, at most 100.
 * - `releases`: `[label, tick]` of each release that was seen, in order, each time it changed; at most 100.
 * - `largestClockJump_ms`: the most by which the clock differed from what the tick numbers say, from one view to the
 *   next of the same round. A clock that runs smoothly stays far below a step of 50.
 * - `scoreDrops`: how often one's score became less within a round. Always 0.
 * - `longestGap_ms`: the longest time between two views on one socket, by the page's clock (a hidden tab's clock is coarse).
 * - `shapes`: every shape that was drawn, for example `["ship", "star", "comet"]`.
 */
export class Probe {
  room = null;
  lastView = null;
  views = 0;
  events = 0;
  tick = 0;
  you = 0;
  score = 0;
  sockets = 0;
  states = [];
  releases = [];
  largestClockJump_ms = 0;
  scoreDrops = 0;
  longestGap_ms = 0;
  shapes = [];
  #socket = null;
  #at = 0;

  state(state) {
    this.states = [...this.states.slice(-99), state];
  }

  view(view, now) {
    const last = this.lastView;
    if (this.room.socket !== this.#socket) {
      this.#socket = this.room.socket;
      this.sockets += 1;
    } else {
      this.longestGap_ms = Math.max(this.longestGap_ms, now - this.#at);
    }
    this.#at = now;
    const score = view.board.find(([id]) => id === view.you)?.[2] ?? 0;
    if (last && sameRound(last, view)) {
      const jump = last.clock_ms - view.clock_ms - (view.tick - last.tick) * STEP_MS;
      this.largestClockJump_ms = Math.max(this.largestClockJump_ms, Math.abs(jump));
      if (last.you === view.you && score < this.score) this.scoreDrops += 1;
    }
    if (last?.release !== view.release) {
      this.releases = [...this.releases.slice(-99), [view.release, view.tick]];
    }
    for (const [shape] of view.looks) {
      if (!this.shapes.includes(shape)) this.shapes.push(shape);
    }
    this.lastView = view;
    this.views += 1;
    this.tick = view.tick;
    this.you = view.you;
    this.score = score;
  }
}

function sameRound(a, b) {
  return a.round === b.round && (a.podium.length === 0) === (b.podium.length === 0);
}
