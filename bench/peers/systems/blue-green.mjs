// Plain Node and Postgres, blue/green: the new server starts beside the old one, new connections go to it, the old one
// saves its rooms and closes its sockets. Clients reconnect at once and know the new address: the best case.

import { chown, mkdir, readdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { announced, run, start, stop } from '../children.mjs';
import { debian, freePort } from '../install.mjs';

export const title = 'Postgres and blue/green, clients reconnect at once';
export const client = 'plain';
export const docs = 'https://martinfowler.com/bliki/BlueGreenDeployment.html';
const PLACE = '/usr/lib/postgresql';

async function programs() {
  const versions = existsSync(PLACE) ? (await readdir(PLACE)).sort((a, b) => b - a) : [];
  return versions.map((version) => path.join(PLACE, version, 'bin')).find((bin) => existsSync(path.join(bin, 'initdb')));
}

export async function prepare({ say, install }) {
  if (!(await programs())) await debian('postgresql', { say, install });
  const bin = await programs();
  if (!bin) throw new Error('Postgres has no initdb below /usr/lib/postgresql');
  return `Node ${process.version}, ${await run(path.join(bin, 'postgres'), ['--version'])}`;
}

/** Postgres refuses to run as root. */
async function whoRuns() {
  if (process.getuid() !== 0) return {};
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
  return { uid: Number(uid), gid: Number(gid) };
}

async function database(scratch) {
  const [bin, who, port] = [await programs(), await whoRuns(), await freePort()];
  const data = path.join(scratch, 'postgres');
  await mkdir(data);
  if (who.uid) await chown(data, who.uid, who.gid);
  await run(path.join(bin, 'initdb'), ['-D', data, '-U', 'playon', '-A', 'trust'], { ...who, cwd: data });
  const child = start(
    path.join(bin, 'postgres'),
    ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`],
    { ...who, cwd: data },
  );
  for (let tries = 0; tries < 300; tries += 1) {
    const ready = await run(path.join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]).then(() => true, () => false);
    if (ready) return { child, url: `postgres://playon@127.0.0.1:${port}/postgres` };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Postgres did not start: ${child.words}`);
}

export async function launch({ root, scratch }) {
  const db = await database(scratch);
  const server = async (version) => {
    const child = start(process.execPath, [path.join(root, 'bench/peers/servers/blue-green.mjs')], {
      env: { ...process.env, VERSION: String(version), DATABASE_URL: db.url },
    });
    return { child, port: (await announced(child)).port };
  };
  let live = await server(1);
  return {
    url: () => `ws://127.0.0.1:${live.port}`,
    deploy: async (tell) => {
      const old = live;
      live = await server(2);
      await tell(`ws://127.0.0.1:${live.port}`);
      await stop(old.child);
    },
    stop: async () => {
      await stop(live.child);
      await stop(db.child, 'SIGINT');
    },
  };
}
