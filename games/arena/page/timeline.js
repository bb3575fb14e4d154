// Plays views back smoothly: they come 20 times a second, a screen wants 60.
//
// What is drawn lies a little in the past, between two views. The place on the time axis comes from the tick
// numbers and not from the arrival times, so a jittery network does not make ships jitter.

const STEP_MS = 50;
const KEPT = 10;
/** How far behind the newest view the drawing is. */
export const DELAY_MS = 85;
/** How far past the newest view motion is guessed when the next one is late. */
const AHEAD_MS = 90;
/** A thing that moves further in one step was put there and did not fly. */
const LEAP = 160;

export class Timeline {
  #views = [];
  /** Local time minus room time, of the views that came quickest. */
  #offset;

  /** Takes a view that arrived at local time `now`. */
  push(view, now) {
    const last = this.#views.at(-1);
    if (last && view.tick < last.tick) this.#views = [];
    if (last && view.tick === last.tick) this.#views.pop();
    this.#views.push({ ...view, byId: new Map(view.things.map((thing) => [thing[0], thing])) });
    if (this.#views.length > KEPT) this.#views.shift();

    const offset = now - view.tick * STEP_MS;
    const late = offset - (this.#offset ?? Infinity);
    // A quick view tells the least delay; a slow one moves it a little; after a stop it starts afresh.
    if (late < 0 || late > 400) this.#offset = offset;
    else this.#offset += late * 0.02;
  }

  /** The things to draw at local time `now`. */
  things(now) {
    if (this.#views.length === 0) return [];
    const time = (now - this.#offset - DELAY_MS) / STEP_MS;
    const next = this.#views.find((view) => view.tick > time);
    const to = next ?? this.#views.at(-1);
    const from = this.#views[this.#views.indexOf(to) - 1] ?? to;
    const span = to.tick - from.tick || 1;
    const share = Math.min((time - from.tick) / span, 1 + AHEAD_MS / STEP_MS / span);
    return to.things.map((thing) => between(from.byId.get(thing[0]), thing, share, to.looks));
  }
}

function between(from, to, share, looks) {
  const [id, toX, toY, look, toAngle = 0, power = 0] = to;
  const [shape, hue, size, trail] = looks[look];
  const thing = { id, x: toX, y: toY, angle: (toAngle * Math.PI) / 180, power, shape, hue, size, trail };
  if (!from || share < 0) return thing;
  const [, x, y, , angle = 0] = from;
  if (Math.hypot(toX - x, toY - y) > LEAP) return thing;
  thing.x = x + (toX - x) * share;
  thing.y = y + (toY - y) * share;
  const turn = ((toAngle - angle + 540) % 360) - 180;
  thing.angle = ((angle + turn * Math.min(share, 1)) * Math.PI) / 180;
  return thing;
}
