// Processes that were started here, and their end by pid, however this one ends.

import { execFile, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';

const running = new Set();

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
