// Rivet: its engine and a server ("envoy") of version 1; version 2's joins, to which the engine moves every room, and
// version 1's is told to end.

import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { announced, start, stop } from '../children.mjs';
import { freePort, packages } from '../install.mjs';

export const title = 'Rivet, drain on version upgrade, its connections';
export const client = 'rivet';
export const docs = 'https://rivet.dev/docs/actors/versions';
/** Seconds of play after a deploy: with many players a move has taken half a minute. */
export const after = 45;
/** Milliseconds that version 1 may take to end. */
const ENDING_MS = 60_000;
const STARTING_MS = 30_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const home = (root) => path.join(root, 'bench/peers/rivet');

export async function prepare({ root, say, install }) {
  await packages(home(root), { say, install });
  const manifest = path.join(home(root), 'node_modules/rivetkit/package.json');
  return `rivetkit and engine ${JSON.parse(await readFile(manifest, 'utf8')).version}, Node ${process.version}`;
}

/** The engine, with what it keeps in files, and nothing open to other machines. */
async function engine(root, scratch) {
  const [guard, peer, metrics] = [await freePort(), await freePort(), await freePort()];
  const host = '127.0.0.1';
  const url = `http://${host}:${guard}`;
  const config = {
    guard: { host, port: guard },
    api_peer: { host, port: peer },
    metrics: { host, port: metrics },
    telemetry: { enabled: false },
    file_system: { path: path.join(scratch, 'rivet') },
    topology: {
      datacenter_label: 1,
      datacenters: { default: { datacenter_label: 1, is_leader: true, public_url: url, peer_url: `http://${host}:${peer}` } },
    },
  };
  const file = path.join(scratch, 'rivet.json');
  await writeFile(file, JSON.stringify(config));
  const program = createRequire(path.join(home(root), 'server.mjs'))('@rivetkit/engine-cli').getEnginePath();
  const child = start(program, ['start', '--config', file], { cwd: scratch });
  const end = Date.now() + STARTING_MS;
  const healthy = () => fetch(`${url}/health`).then(({ ok }) => ok, () => false);
  while (!(await healthy())) {
    if (Date.now() > end) throw new Error(`Rivet's engine did not start: ${child.words}`);
    await pause(100);
  }
  return { child, url };
}

/** The pool that the servers join: a newer one drains the older ones. */
async function pool(url) {
  const body = JSON.stringify({ datacenters: { default: { normal: {}, drain_on_version_upgrade: true } } });
  const headers = { 'content-type': 'application/json' };
  const end = Date.now() + STARTING_MS;
  // It says that it is healthy before its default namespace is there.
  for (;;) {
    const answer = await fetch(`${url}/runner-configs/default?namespace=default`, { method: 'PUT', headers, body });
    if (answer.ok) return;
    if (Date.now() > end) throw new Error(`Rivet's engine refused the pool: ${answer.status} ${await answer.text()}`);
    await pause(100);
  }
}

export async function launch({ root, scratch }) {
  const { child, url } = await engine(root, scratch);
  await pool(url);
  const server = async (version) => {
    const env = {
      ...process.env, NODE_ENV: 'production', RIVET_ENDPOINT: url, RIVET_ENVOY_VERSION: String(version), RIVET_LOG_LEVEL: 'error',
    };
    const node = start(process.execPath, [path.join(home(root), 'server.mjs')], { env, cwd: scratch });
    await announced(node);
    return node;
  };
  let live = await server(1);
  return {
    url: () => url,
    deploy: async () => {
      const old = live;
      live = await server(2);
      await stop(old, 'SIGTERM', ENDING_MS);
    },
    stop: async () => {
      await stop(live);
      await stop(child);
    },
  };
}
