// A real keeper with the arena as its game.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { freePort } from './free-port.mjs';
import { killQuietly, Process, runs } from './process.mjs';
import { until } from './until.mjs';

/** How long one command of `playon` may take, in milliseconds. */
const COMMAND_MS = 30_000;

/** What `playon status` exits with while the keeper cannot take players in. */
const NOT_READY = 1;

/** `playon serve` or `playon demo` on free ports; it may be killed and started again on the same data. */
export class Keeper {
  #binaries;
  #command;
  #args;
  #data;
  #process;
  #reports = [];
  #workers = new Set();

  /** Prepares a keeper. `command` is `serve` or `demo`. */
  static async prepare({ binaries, command, directory, args }) {
    const keeper = new Keeper();
    keeper.#binaries = binaries;
    keeper.#command = command;
    keeper.#data = join(directory, 'data');
    keeper.port = await freePort();
    keeper.#args = ['--listen', `127.0.0.1:${keeper.port}`, '--admin', `127.0.0.1:${await freePort()}`, ...args];
    return keeper;
  }

  /** Where the page lies. */
  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Everything keepers said on this data directory. */
  get report() {
    return [...this.#reports, this.#process?.report ?? ''].join('\n');
  }

  /** Starts the keeper and waits until it serves. */
  async start() {
    if (this.#process) this.#reports.push(this.#process.report);
    this.#process = new Process(this.#binaries.playon, [this.#command, '--data', this.#data, ...this.#args]);
    await until('the keeper serves', async () => {
      assert.equal(this.#process.exit, null, `the keeper ended:\n${this.#process.output}`);
      const found = await this.#playon('status');
      return found.code === 0 && JSON.parse(found.stdout).workers.length > 0;
    });
    return this;
  }

  /** Its state, as `playon status --json` tells it: also that of a keeper that is not ready, which exits with 1. */
  async status() {
    const status = this.#parsed(['status'], await this.#playon('status'), [0, NOT_READY]);
    for (const { pid } of status.workers) this.#workers.add(pid);
    return status;
  }

  /** The room of that name. */
  async room(name) {
    const rooms = await this.json('rooms');
    return rooms.find((room) => room.name === name);
  }

  /** Runs `playon ...` with `--json` against this keeper; what it printed, which must be JSON. */
  async json(...args) {
    return this.#parsed(args, await this.#playon(...args), [0]);
  }

  /** Ships release 2. */
  async deploy() {
    return (await this.json('deploy', this.#binaries.second)).deploy;
  }

  /** Goes back. */
  async rollback() {
    return (await this.json('rollback')).deploy;
  }

  /** `kill -9` of the one worker process; the keeper is not told. */
  async killWorker() {
    const { workers } = await this.status();
    assert.equal(workers.length, 1, 'one worker');
    process.kill(workers[0].pid, 'SIGKILL');
    return workers[0].pid;
  }

  /** `kill -9` of the keeper. Gives when it is dead. */
  async kill() {
    await this.status();
    this.#process.kill();
    await until('the keeper is dead', () => this.#process.exit);
  }

  /** Asks it to end, which it must do without a fault, and leave no worker behind. */
  async stop(signal = 'SIGTERM') {
    if (this.#process.exit) return;
    await this.status();
    const { code } = await this.#process.stop(signal);
    assert.equal(code, 0, `the keeper ended with ${code}`);
    await until('the workers are gone', () => [...this.#workers].every((pid) => !runs(pid)), 5_000);
  }

  /** Ends everything, whatever state it is in. */
  end() {
    this.#process?.killAll();
    for (const pid of this.#workers) killQuietly(pid);
  }

  #parsed(args, { code, stdout, stderr }, codes) {
    assert.ok(codes.includes(code), `playon ${args.join(' ')} failed with ${code}:\n${stdout}${stderr}`);
    return JSON.parse(stdout);
  }

  #playon(...args) {
    const all = [...args, '--data', this.#data, '--json'];
    return new Promise((resolve) => {
      execFile(this.#binaries.playon, all, { timeout: COMMAND_MS }, (error, stdout, stderr) => {
        resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr });
      });
    });
  }
}
