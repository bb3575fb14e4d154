// What the scenarios need: packages and free ports.

import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { run } from './children.mjs';

/** Installs a Debian package, aloud, or refuses. */
export async function debian(name, { say, install }) {
  if (!install) throw new Error(`${name} is missing and --no-install was given`);
  if (process.getuid() !== 0) throw new Error(`${name} is missing: apt-get install ${name}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  say(`installing ${name} (apt-get install)`);
  await run('apt-get', ['update'], { env, maxBuffer: 1 << 26 });
  await run('apt-get', ['install', '-y', '--no-install-recommends', name], { env, maxBuffer: 1 << 26 });
}

/** Installs a folder's npm packages, aloud, or refuses; not when that was done after its lock file last changed. */
export async function packages(folder, { say, install }) {
  const changed = (name) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (changed('node_modules/.package-lock.json') >= changed('package-lock.json')) return;
  if (!install) throw new Error(`npm ci was not run in ${folder} and --no-install was given`);
  say(`installing packages in ${folder} (npm ci)`);
  await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, maxBuffer: 1 << 26 });
}

/** A port that nobody listens at, for programs that cannot choose one and say which. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
