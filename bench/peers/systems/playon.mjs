// Playon: `playon serve`, and `playon deploy --now` into the running keeper.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { announced, run, start, stop } from '../children.mjs';

export const title = 'Playon, `playon deploy --now`';
export const client = 'playon';
export const docs = '../../README.md#what-a-deploy-does';
const built = (root, name) => path.join(root, 'target', 'release', name);

export async function prepare({ root, say, build }) {
  if (build) {
    say('building Playon (cargo build --release)');
    const what = ['-p', 'playon-cli', '-p', 'playon-bench', '--bins'];
    await run('cargo', ['build', '--locked', '--release', ...what], { cwd: root, maxBuffer: 1 << 26 });
  }
  return run(built(root, 'playon'), ['--version']);
}

export async function launch({ root, scratch }) {
  const data = path.join(scratch, 'playon');
  await mkdir(data, { mode: 0o700 });
  const playon = built(root, 'playon');
  const child = start(playon, [
    'serve', '--announce', '--data', data, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0',
    '--release', built(root, 'playon-bench-table-r1'),
  ]);
  const { players } = await announced(child);
  return {
    url: () => `ws://${players}/play`,
    deploy: () => run(playon, ['deploy', built(root, 'playon-bench-table-r2'), '--now', '--data', data]),
    stop: () => stop(child),
  };
}
