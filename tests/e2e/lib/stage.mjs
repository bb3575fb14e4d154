// What a test stands on: a keeper, bots and pages, gone when the test is over.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binaries } from './binaries.mjs';
import { launch, open } from './browser.mjs';
import { Keeper } from './keeper.mjs';
import { Network } from './network.mjs';
import { Player } from './player.mjs';
import { Process } from './process.mjs';
import { until } from './until.mjs';

/** Bots that play along. */
const BOTS = 3;

/** The name of the room everybody is in. */
export const ROOM = 'den';

/** Makes keepers, bots and pages for one test. */
export class Stage {
  #binaries = binaries();
  #directory;
  #keepers = [];
  #bots = [];
  #networks = [];
  #browser;

  /** An empty stage. */
  static async set() {
    const stage = new Stage();
    stage.#directory = await mkdtemp(join(tmpdir(), 'playon-e2e-'));
    return stage;
  }

  /** A keeper that serves release 1 to bots. */
  async serve() {
    const args = ['--release', this.#binaries.first];
    const keeper = await this.#keeper('serve', args);
    await this.#letBotsIn(keeper);
    return keeper;
  }

  /** A keeper as `playon demo` starts it, with its own bots. */
  demo(bots) {
    return this.#keeper('demo', ['--bots', String(bots)]);
  }

  /** A network between a keeper and the pages that use it. */
  async network(keeper) {
    const network = await Network.start(keeper.port);
    this.#networks.push(network);
    return network;
  }

  /** An empty page. `options` as for a context of playwright. */
  async page(options = {}) {
    this.#browser ??= await launch();
    return new Player(await open(this.#browser, options));
  }

  /** A page that plays. */
  async player(url, name = 'Ann', options = {}) {
    const page = await this.page(options);
    return page.arrive(url, { name, room: ROOM });
  }

  async #letBotsIn(keeper) {
    const url = `ws://127.0.0.1:${keeper.port}/play`;
    this.#bots.push(new Process(this.#binaries.bot, ['--url', url, '--room', ROOM, '--bots', String(BOTS)]));
    await until('the bots have seats', async () => (await keeper.room(ROOM))?.players === BOTS);
  }

  async #keeper(command, args) {
    const keeper = await Keeper.prepare({
      binaries: this.#binaries,
      command,
      directory: join(this.#directory, String(this.#keepers.length)),
      args,
    });
    this.#keepers.push(keeper);
    return keeper.start();
  }

  /** Stops everything. An error if something did not stop as it should. */
  async clear() {
    const errors = [];
    const each = async (things, end) => {
      for (const thing of things) await Promise.resolve(end(thing)).catch((error) => errors.push(error));
    };
    await each(this.#browser ? [this.#browser] : [], (browser) => browser.close());
    await each(this.#bots, (bots) => bots.stop());
    await each(this.#keepers, (keeper) => keeper.stop());
    await each(this.#networks, (network) => network.close());
    for (const keeper of this.#keepers) keeper.end();
    await rm(this.#directory, { recursive: true, force: true });
    if (errors.length > 0) throw errors[0];
  }

  /** All that keepers and bots said. */
  report() {
    return [...this.#keepers, ...this.#bots].map((one) => one.report).join('\n');
  }
}
