// Child processes that cannot outlive the tests.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { until } from './until.mjs';

/** Bytes of output kept of one process, the newest. */
const OUTPUT_BYTES_MAX = 256 * 1024;

/** How long a process may take to end after it was asked to, in milliseconds. */
const STOP_MS = 15_000;

const alive = new Set();

/** A running executable, and what it said. */
export class Process {
  #child;
  #name;
  #output = '';
  #exit = null;

  /** @param {string} path @param {string[]} args */
  constructor(path, args) {
    this.#name = path.split('/').at(-1);
    this.#child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        this.#output = (this.#output + text).slice(-OUTPUT_BYTES_MAX);
      });
    }
    this.#child.on('error', (error) => {
      this.#output += `${error}\n`;
      this.#exit = { code: null, signal: 'never started' };
    });
    this.#child.on('exit', (code, signal) => {
      this.#exit = { code, signal };
      alive.delete(this);
    });
    alive.add(this);
  }

  get pid() {
    return this.#child.pid;
  }

  /** All it said, the newest part if that was much. */
  get output() {
    return this.#output;
  }

  /** How it ended, `{code, signal}`; null while it runs. */
  get exit() {
    return this.#exit;
  }

  /** What it said, with a heading, for a test that failed. */
  get report() {
    return `---- ${this.#name} (pid ${this.pid}, ${this.#exit ? JSON.stringify(this.#exit) : 'running'})\n${this.#output}`;
  }

  /** Sends a signal and waits for the end. If that does not come, everything it started is killed. */
  async stop(signal = 'SIGTERM') {
    const started = descendants(this.pid);
    this.#child.kill(signal);
    try {
      return await until(`${this.#name} ends`, () => this.#exit, STOP_MS);
    } catch (error) {
      this.kill(started);
      throw error;
    }
  }

  /** `kill -9` at once, of this process only; `others` are taken along. */
  kill(others = []) {
    for (const pid of [this.pid, ...others]) killQuietly(pid);
  }

  /** `kill -9` of this process and of all it has started. */
  killAll() {
    this.kill(descendants(this.pid));
  }
}

/** Sends SIGKILL to a process that may be gone. */
export function killQuietly(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Whether a process runs; a dead one that nobody has collected does not. */
export function runs(pid) {
  const state = stat(pid)?.[0];
  return state !== undefined && state !== 'Z';
}

function descendants(pid) {
  const parents = new Map();
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? stat(name) : undefined;
    if (fields) parents.set(Number(name), Number(fields[1]));
  }
  const found = [pid];
  for (const one of found) {
    for (const [child, parent] of parents) if (parent === one) found.push(child);
  }
  return found.slice(1);
}

// State and parent, the fields after the name, which may itself hold spaces.
function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

// The test runner stops a file that takes too long, and people press Ctrl-C.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    for (const child of alive) child.killAll();
    process.exit(1);
  });
}
process.on('exit', () => {
  for (const child of alive) child.killAll();
});
