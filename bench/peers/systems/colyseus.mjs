// Colyseus: the server is told to shut down in order, and version 2 is started at the same address.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { announced, start, stop } from '../children.mjs';
import { freePort } from '../install.mjs';

export const title = 'Colyseus, stopped and started anew';
export const client = 'colyseus';
export const docs = 'https://docs.colyseus.io/server/graceful-shutdown';

export async function prepare({ root }) {
  const manifest = path.join(root, 'bench/peers/node_modules/@colyseus/core/package.json');
  return `@colyseus/core ${JSON.parse(await readFile(manifest, 'utf8')).version}, Node ${process.version}`;
}

export async function launch({ root, scratch }, devMode = false) {
  const port = await freePort();
  const server = async (version) => {
    const env = { ...process.env, VERSION: String(version), PORT: String(port), DEV_MODE: devMode ? '1' : '0' };
    // In devMode the rooms are kept in a file in the folder it runs in.
    const child = start(process.execPath, [path.join(root, 'bench/peers/servers/colyseus.mjs')], { env, cwd: scratch });
    await announced(child);
    return child;
  };
  let live = await server(1);
  return {
    url: () => `ws://127.0.0.1:${port}`,
    deploy: async () => {
      await stop(live);
      live = await server(2);
    },
    stop: () => stop(live),
  };
}
