// The executables under test.

import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = resolve(dirname(fileURLToPath(import.meta.url)), '../../../target');

const GAME = { first: 'arena-r1', second: 'arena-r2', bot: 'arena-bot' };

/**
 * `PLAYON_BIN` names the `playon` command; the game's executables lie beside it. Without it they are taken from
 * the profile that was built last.
 *
 * @returns {{playon: string, first: string, second: string, bot: string}}
 */
export function binaries() {
  const given = process.env.PLAYON_BIN;
  const builds = given ? [resolve(given)] : ['release', 'debug'].map((profile) => join(target, profile, 'playon'));
  const whole = builds.map(build).filter((found) => Object.values(found).every((path) => existsSync(path)));
  whole.sort((a, b) => statSync(b.playon).mtimeMs - statSync(a.playon).mtimeMs);
  if (whole[0]) return whole[0];
  throw new Error(`no playon with its arena in ${builds.map(dirname).join(', ')}: cargo build -p playon-cli -p arena`);
}

function build(playon) {
  const beside = Object.entries(GAME).map(([role, name]) => [role, join(dirname(playon), name)]);
  return { playon, ...Object.fromEntries(beside) };
}
