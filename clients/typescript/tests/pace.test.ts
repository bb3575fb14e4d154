import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FakeSocket } from './support/fake-socket.js';
import { Random } from './support/random.js';
import { event, World, welcome } from './support/world.js';

/** What a keeper that takes not one more at once than it tells has left of a rate. */
class Left {
  readonly #perSecond: number;
  readonly #most: number;
  #level: number;
  #at: number;

  constructor(perSecond: number, most: number, at: number) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#level = most;
    this.#at = at;
  }

  /** Takes so much, or says that there was less. */
  take(cost: number, now: number): boolean {
    this.#level = Math.min(this.#most, this.#level + ((now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
    this.#level -= cost;
    return this.#level > -0.001;
  }
}

interface Terms {
  readonly framesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly inputsPendingMax: number;
}

/** One client, and a strict keeper that looks every millisecond. */
class Play {
  readonly world: World;
  readonly terms: Terms;
  received = 0;
  made = 0;
  events = 0;
  #socket: FakeSocket | null = null;
  #messages = 0;
  #bytes = 0;
  #frames!: Left;
  #byteRate!: Left;

  constructor(terms: Terms, profile: string) {
    this.world = new World({ profile });
    this.terms = terms;
  }

  get socket(): FakeSocket | null {
    return this.#socket;
  }

  /** What the client has said in this millisecond. */
  look(): void {
    const { world, terms } = this;
    const now = world.timers.now();
    const newest = world.sockets.at(-1);
    if (newest && !newest.dropped && newest !== this.#socket) {
      const { framesPerSecond, bytesPerSecond, inputsPendingMax } = terms;
      this.#socket = newest;
      this.#messages = 0;
      this.#bytes = 0;
      this.#frames = new Left(framesPerSecond, Math.max(framesPerSecond, inputsPendingMax), now);
      this.#byteRate = new Left(bytesPerSecond, bytesPerSecond, now);
      newest.open();
      newest.push(welcome(world.room.session === null ? 'new' : 'resumed', this.#terms()));
    }
    const socket = this.#socket;
    if (!socket) return;
    const messages = socket.messages.slice(this.#messages);
    const frames = messages.reduce((all, one) => all + one, 0);
    // The head of a masked WebSocket frame, at least.
    const bytes = socket.bytes - this.#bytes + 6 * messages.length;
    this.#messages = socket.messages.length;
    this.#bytes = socket.bytes;
    const inPace = this.#frames.take(frames, now) && this.#byteRate.take(bytes, now);
    assert.ok(
      inPace,
      `too fast at ${now} ms with ${JSON.stringify(terms)}: ${frames} frames, ${bytes} bytes`,
    );
    for (const seq of socket.inputs()) {
      assert.equal(seq, this.received + 1);
      this.received = seq;
    }
  }

  cut(): void {
    this.#socket?.end(1006);
    this.#socket = null;
  }

  #terms() {
    return { ...this.terms, inNext: this.received + 1, eventSeq: this.events };
  }
}

test('a strict keeper is never talked to too fast, and gets everything', () => {
  for (let seed = 0; seed < 30; seed += 1) {
    const random = new Random(seed);
    const terms = {
      framesPerSecond: random.pick([2, 10, 60, 300]),
      bytesPerSecond: random.pick([1_500, 4_000, 16_000, 65_536]),
      inputsPendingMax: random.pick([1, 8, 64, 256]),
    };
    const [size, inputs] = [random.pick([1, 10, 100, 400]), random.pick([2, 3, 10, 100])];
    const play = new Play(terms, 'x'.repeat(random.below(900)));
    const { world } = play;
    let pinged = 0;
    for (let ms = 0; ms < 10_000; ms += 1) {
      const now = world.timers.now();
      const what = random.below(1_000);
      if (what < 15 && play.socket) {
        const count = 1 + random.below(20);
        play.socket.push(...Array.from({ length: count }, (_, n) => event(play.events + n + 1)));
        play.events += count;
      } else if (what < 30) {
        for (let n = random.below(inputs); n > 0; n -= 1) {
          const seq = world.room.send('x'.repeat(random.below(size)));
          if (seq !== false) play.made = seq;
        }
      } else if (what < 40) play.socket?.push({ type: 'ack', applied: play.received });
      else if (random.below(2_000) === 0) play.cut();
      else if (now - pinged >= 1_000) {
        pinged = now;
        play.socket?.push({ type: 'ping', nonce: 1 });
      }
      play.look();
      world.timers.pass(1);
    }
    assert.ok(play.received > 0, 'nothing was played');
    for (let ms = 0; ms < 600_000 && play.received < play.made; ms += 1) {
      if (ms % 100 === 0) play.socket?.push({ type: 'ack', applied: play.received });
      play.look();
      world.timers.pass(1);
    }
    assert.equal(play.received, play.made, JSON.stringify(terms));
    world.room.leave();
  }
});
