// Puts Playon and others through the same deploy under load and prints what the players saw. `--help` tells how.

import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem, type } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { busy, stopAll } from './children.mjs';
import { table } from './figures.mjs';
import { packages } from './install.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const SYSTEMS = ['playon', 'erlang', 'blue-green', 'colyseus-dev', 'colyseus', 'rivet-sockets', 'rivet'];
/** In a quick run only when asked for: 340 MB of packages, and a minute for each. */
const SLOW = ['rivet-sockets', 'rivet'];
const HELP = `node bench/peers/run.mjs [options]

  --only NAMES    of ${SYSTEMS.join(', ')}, with commas between
  --rooms N       rooms of 4 players (50)
  --runs N        runs of each system, of which the median is shown (3)
  --quick         3 rooms, a few seconds, one run each; fails unless Playon keeps its promises; without
                  Rivet (340 MB of packages, a minute a run) unless --only names it
  --no-build      take Playon's programs in target/release as they are
  --no-install    fail instead of installing what is missing
  --write         write bench/peers/RESULTS.md
  --help          this text
`;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    rooms: { type: 'string' },
    runs: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = (line) => process.stderr.write(`${line}\n`);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const number = (text, usual) => {
  const value = Number(text ?? usual);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is not a number from 1 up`);
  return value;
};

/** The load client of one run. */
function startLoad() {
  // What Rivet's client logs would go where the table is printed.
  const child = fork(path.join(HERE, 'load.mjs'), { env: { ...process.env, RIVET_LOG_LEVEL: 'silent' } });
  const ask = (order, rest = {}) =>
    new Promise((resolve, reject) => {
      const over = (code) => reject(new Error(`the load client ended with ${code}`));
      child.once('exit', over);
      const hear = ({ done, result, error }) => {
        if (done !== order) return;
        child.off('message', hear);
        child.off('exit', over);
        if (error) reject(new Error(error));
        else resolve(result);
      };
      child.on('message', hear);
      child.send({ order, ...rest });
    });
  return { ask, stop: () => child.connected && child.disconnect() };
}

async function once(system, plan) {
  const scratch = await mkdtemp(path.join(tmpdir(), 'peers-'));
  // A database that refuses to run as root has its folder in here.
  await chmod(scratch, 0o755);
  const clean = () => rmSync(scratch, { recursive: true, force: true });
  process.once('exit', clean);
  const load = startLoad();
  try {
    const server = await system.launch({ ...plan, scratch });
    await load.ask('sit', { client: system.client, url: server.url(), rooms: plan.rooms, each: 4 });
    await load.ask('count');
    const before = await busy();
    await pause(Math.max(plan.before, system.uptime ?? 0));
    const after = await busy();
    const { frames, calm, client } = await load.ask('counted');
    await load.ask('mark');
    await server.deploy((url) => load.ask('move', { url }));
    await pause(Math.max(plan.after, system.after ?? 0));
    const result = await load.ask('finish');
    await server.stop();
    return { ...result, calm, client, cost: ((after - before) * 1000) / frames };
  } finally {
    load.stop();
    await stopAll();
    await rm(scratch, { recursive: true, force: true });
    process.off('exit', clean);
  }
}

async function measure(name, plan) {
  const system = await import(`./systems/${name}.mjs`);
  const version = await system.prepare({ ...plan, say });
  const runs = [];
  for (let n = 1; n <= plan.runs; n += 1) {
    say(`${name}: run ${n} of ${plan.runs}`);
    runs.push(await once(system, plan));
    say(`  ${JSON.stringify(runs.at(-1))}`);
  }
  return { name, title: system.title, docs: system.docs, version, runs };
}

/** What a quick run must show, as counts: it says nothing about time. */
function judge(results) {
  const wrong = [];
  for (const { name, runs } of results) {
    for (const { closed, sent, lost, twice, resets, moved, cost } of runs) {
      if (!(cost > 0)) wrong.push(`${name}: no processor time was counted`);
      if (sent === 0 || moved === null) wrong.push(`${name}: not all players saw version 2`);
      if (name === 'playon' && closed + lost + twice + resets > 0) wrong.push(`${name}: a promise was broken`);
      if (name === 'blue-green' && closed === 0) wrong.push(`${name}: no socket was closed, so there was no deploy`);
    }
  }
  return wrong;
}

function page(results, leftOut, plan) {
  const versions = results.map(({ title, version, docs }) => `- ${title}: ${version}; [this way to deploy](${docs})`).join('\n');
  return `# What players experience at a deploy

Written by \`node bench/peers/run.mjs\`: ${plan.rooms} rooms of 4 players, median (least–most) of runs: ${plan.runs}, on a
machine with ${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}; server and players share it. A tick is 50 ms.

${table(results, leftOut)}

${versions}
`;
}

function plans() {
  const quick = flags.quick;
  const names = flags.only?.split(',') ?? SYSTEMS.filter((name) => !(quick && SLOW.includes(name)));
  for (const name of names) if (!SYSTEMS.includes(name)) throw new Error(`there is no system ${name}; see --help`);
  const plan = {
    root: path.resolve(HERE, '../..'),
    build: !flags['no-build'],
    install: !flags['no-install'],
    rooms: number(flags.rooms, quick ? 3 : 50),
    runs: number(flags.runs, quick ? 1 : 3),
    before: quick ? 2 : 10,
    after: quick ? 3 : 15,
  };
  return { names, plan };
}

async function main() {
  if (flags.help) return void process.stdout.write(HELP);
  const { names, plan } = plans();
  await packages(HERE, { say, install: plan.install });
  const after = names.reduce((sum, name) => sum + (SLOW.includes(name) ? 50 : plan.after), 0);
  const seconds = plan.runs * (names.length * (plan.before + 8 + plan.rooms * 0.04) + after);
  say(`about ${Math.ceil(seconds / 60)} minutes, and the build`);
  const [results, leftOut] = [[], []];
  for (const name of names) {
    try {
      results.push(await measure(name, plan));
    } catch (error) {
      if (flags.quick) throw error;
      say(`${name}: left out: ${error.message}`);
      leftOut.push({ title: name, why: error.message.split('\n')[0].slice(0, 200) });
    }
  }
  const text = page(results, leftOut, plan);
  process.stdout.write(text);
  if (flags.write) await writeFile(path.join(HERE, 'RESULTS.md'), text);
  if (!flags.quick) return;
  const wrong = judge(results);
  for (const line of wrong) say(line);
  process.stdout.write(`${results.length - wrong.length} passed, ${wrong.length} failed\n`);
  if (wrong.length > 0) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopAll().then(() => process.exit(130)));
try {
  await main();
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}
