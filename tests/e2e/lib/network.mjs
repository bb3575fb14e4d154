// A network that can fail.

import { connect, createServer } from 'node:net';

/**
 * Passes bytes between pages and a keeper, until it is told not to.
 *
 * - `cut()`: every connection breaks, new ones are refused at once, as when a cable is pulled at the server's side.
 * - `freeze()`: nothing arrives any more and nobody is told, as in a tunnel; what was sent meanwhile arrives after `heal()`.
 */
export class Network {
  #server;
  #port;
  #pairs = new Set();
  #state = 'up';

  /** @param {number} port where the keeper listens */
  static async start(port) {
    const network = new Network();
    network.#port = port;
    network.#server = createServer((near) => network.#accept(near));
    await new Promise((resolve) => network.#server.listen(0, '127.0.0.1', resolve));
    return network;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}/`;
  }

  cut() {
    this.#state = 'cut';
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  freeze() {
    this.#state = 'frozen';
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  heal() {
    this.#state = 'up';
    for (const pair of this.#pairs) {
      const [near, far] = pair;
      if (far) for (const socket of pair) socket.resume();
      else this.#join(near, pair);
    }
  }

  async close() {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near) {
    if (this.#state === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const pair = [near];
    this.#pairs.add(pair);
    this.#watch(near, pair);
    // What connects while nothing passes waits for the keeper like its packets would.
    if (this.#state === 'frozen') near.pause();
    else this.#join(near, pair);
  }

  #join(near, pair) {
    const far = connect(this.#port, '127.0.0.1');
    pair.push(far);
    this.#watch(far, pair);
    forward(near, far);
    forward(far, near);
    near.resume();
  }

  // Whatever ends one side ends the other.
  #watch(socket, pair) {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#pairs.delete(pair);
      for (const other of pair) other.destroy();
    });
  }
}

// By hand and not with `pipe`, which would resume a socket that is paused on purpose.
function forward(from, to) {
  from.on('data', (bytes) => to.write(bytes));
  from.on('end', () => to.end());
}
