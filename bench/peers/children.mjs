// Processes that were started here, and their end by pid, however this one ends.

import { execFile, spawn } from 'node:child_process';
import process from 'node:process';
import { readFile, readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';

const running = new Set();

/** The kernel counts processor time in hundredths of a second for whoever asks, on every architecture. */
const TICK_MS = 10;

/** Starts a program. Its last words are kept for an error message. */
export function start(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  running.add(child);
  child.words = '';
  child.ended = new Promise((resolve) => {
    const over = (why) => {
      running.delete(child);
      resolve(why);
    };
    child.once('exit', (code, signal) => over(signal ?? code));
    child.once('error', (error) => over(error.message));
  });
  child.stdin.on('error', () => {});
  child.stderr.on('data', (text) => {
    child.words = (child.words + text).slice(-2000);
  });
  child.lines = createInterface({ input: child.stdout });
  return child;
}

/** The first line that a program prints, as JSON. */
export function announced(child, timeout = 30_000) {
  return new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${child.spawnargs[0]}: ${why}: ${child.words}`));
    const timer = setTimeout(() => fail('said nothing in time'), timeout);
    const done = () => clearTimeout(timer);
    child.lines.once('line', (line) => {
      done();
      try {
        resolve(JSON.parse(line));
      } catch {
        fail(`said ${line}`);
      }
    });
    child.ended.then((why) => (done(), fail(`ended with ${why}`)));
  });
}

/** Milliseconds of processor time so far of all processes that were started here, and of those that they have started. */
export async function busy() {
  const parents = new Map();
  const times = new Map();
  for (const name of await readdir('/proc')) {
    const stat = /^\d+$/.test(name) && (await readFile(`/proc/${name}/stat`, 'utf8').catch(() => ''));
    if (!stat) continue;
    // The name in parentheses may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    parents.set(Number(name), Number(fields[1]));
    times.set(Number(name), (Number(fields[11]) + Number(fields[12])) * TICK_MS);
  }
  const roots = new Set([...running].map((child) => child.pid));
  const ours = (pid) => roots.has(pid) || (parents.has(pid) && ours(parents.get(pid)));
  return [...times].reduce((sum, [pid, time]) => sum + (ours(pid) ? time : 0), 0);
}

/** Ends a process in order, and with force when it does not. */
export async function stop(child, signal = 'SIGTERM', patience = 10_000) {
  if (!running.has(child)) return;
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  await child.ended;
  clearTimeout(timer);
}

/** Ends whatever still runs; for the way out. */
export async function stopAll() {
  await Promise.all([...running].map((child) => stop(child, 'SIGTERM', 5_000)));
}

/** Runs a program to its end. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (error, out, err) => {
      running.delete(child);
      if (error) reject(new Error(`${program} ${args.join(' ')}: ${error.message} ${err}`));
      else resolve(out.trim());
    });
    child.ended = new Promise((done) => child.once('close', done));
    running.add(child);
  });
}

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
