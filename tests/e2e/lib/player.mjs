// Someone who plays in the browser.

import assert from 'node:assert/strict';
import { until } from './until.mjs';

/** A page with the arena, seen from outside. */
export class Player {
  #page;
  #faults = [];

  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.#page = page;
    page.on('pageerror', (error) => this.#faults.push(String(error.stack ?? error)));
  }

  /** The page, for what is not said here. */
  get page() {
    return this.#page;
  }

  /** Goes to the arena at `url`, as `name` or as a spectator, and waits for the first view. */
  async arrive(url, { name, room, watch = false }) {
    const query = new URLSearchParams(watch ? { watch: '' } : { name });
    if (room) query.set('room', room);
    await this.#page.goto(`${url}?${query}`);
    await this.until('the first view is there', () => arena.lastView !== null);
    return this;
  }

  /** Runs `look` in the page until it gives something true. `argument` is handed to it. */
  until(what, look, { argument, patienceMs } = {}) {
    return until(what, () => this.#page.evaluate(look, argument), patienceMs);
  }

  /** Runs something in the page. */
  ask(look, argument) {
    return this.#page.evaluate(look, argument);
  }

  /** Where the own ship is, which session plays it, and how it is doing. */
  now() {
    return this.#page.evaluate(() => {
      const { lastView: view, you, score, tick, room } = arena;
      const own = view.things.find(([id]) => id === you);
      const names = view.board.map(([, name]) => name);
      const { release, clock_ms } = view;
      return {
        x: own?.[1],
        y: own?.[2],
        you,
        score,
        tick,
        release,
        clock_ms,
        names,
        state: room.state,
        session: room.session,
        roomId: room.roomId,
        applied: room.applied,
        at: performance.now(),
      };
    });
  }

  /** Everything the observer and the page's own probe noticed, and the errors of the page. */
  async record() {
    const record = await this.#page.evaluate(() => ({
      sockets: seen.sockets.map(({ opened, closed }) => ({ opened, closed })),
      views: seen.views,
      gaps: seen.gaps,
      welcomes: seen.welcomes,
      sent: seen.sent,
      applied: arena.room.applied,
      probe: (({ sockets, states, releases, largestClockJump_ms, scoreDrops, longestGap_ms, shapes }) => ({
        sockets,
        states,
        releases,
        largestClockJump_ms,
        scoreDrops,
        longestGap_ms,
        shapes,
      }))(arena),
    }));
    assert.deepEqual(this.#faults, [], 'the page had no errors');
    return record;
  }

  /** Lets the page's hands chase stars, or rest. */
  hands(on) {
    return this.#page.evaluate((flying) => seen.hands(flying), on);
  }

  /** Chases stars until there are points to lose. A ship that appears on a star has points without an input. */
  async earn() {
    await this.hands(true);
    await this.until('a star is caught', () => arena.score > 0 && seen.sent > 0);
  }

  /** Remembers the socket in use inside the page. */
  async holdSocket() {
    const open = await this.#page.evaluate(() => {
      window.heldSocket = arena.room.socket;
      return window.heldSocket?.readyState === 1;
    });
    assert.ok(open, 'there is a socket to hold');
  }

  /** Whether the socket in use is the very object that was held. */
  sameSocket() {
    return this.#page.evaluate(() => window.heldSocket === arena.room.socket && window.heldSocket.readyState === 1);
  }

  /** Takes the hands off and waits until every input sent is applied and safe. Gives how many there were. */
  async settled() {
    await this.hands(false);
    // Keys are let go with the next view, and the page sends that a step later.
    await this.views(4);
    const sent = await this.until('all inputs are applied', () => {
      const { pending, applied } = arena.room;
      return pending === 0 && applied === seen.sent && seen.sent;
    });
    return sent;
  }

  /** Waits for so many further views. */
  async views(count) {
    const before = await this.#page.evaluate(() => arena.views);
    await this.until(`${count} more views`, (goal) => arena.views >= goal, { argument: before + count });
  }
}
