// The load: all players of one run in one process, told what to do by `run.mjs`. It believes only what the players see.

import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { quantiles } from './figures.mjs';
import { seats } from './seats.mjs';

/** Between two inputs of a player. */
const INPUT_MS = 200;
/** Between two players that sit down. */
const JOIN_MS = 8;
/** How long a player may take until it sees the first tick. */
const SEATED_MS = 180_000;
/** The last inputs have shown when none has for so long. */
const QUIET_MS = 5_000;
/** How long that is waited for. */
const SETTLE_MS = 60_000;

const players = [];
let address = '';
/** When the deploy began. */
let mark = Infinity;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Player {
  constructor(Seat, room, name) {
    Object.assign(this, { room, name, sent: 0, applied: 0, closed: 0, gap: 0, last: 0, tick: 0, resets: 0 });
    Object.assign(this, { frames: 0, calm: 0 });
    this.seat = new Seat(() => address, room, name, {
      frame: (view) => this.frame(view),
      closed: () => {
        this.closed += 1;
      },
    });
  }

  frame(view) {
    const now = performance.now();
    if (now > mark) this.gap = Math.max(this.gap, now - this.last);
    this.frames += 1;
    this.calm = Math.max(this.calm, now - this.last);
    if (view.version === 2) this.second ??= now;
    if (view.tick < this.tick / 2) this.resets += 1;
    this.last = now;
    this.tick = view.tick;
    this.applied = view.players[this.name] ?? 0;
  }

  send() {
    this.sent += 1;
    this.seat.send(this.sent);
  }
}

async function until(what, good, ms) {
  const end = performance.now() + ms;
  while (!good()) {
    if (performance.now() > end) return void (what && fail(what()));
    await pause(20);
  }
}

function fail(what) {
  throw new Error(what);
}

/** All players sit down, and begin to send at moments spread over the time between two inputs. */
async function sit({ client, url, rooms, each }) {
  address = url;
  const Seat = await seats[client]();
  for (let room = 0; room < rooms; room += 1) {
    for (let n = 0; n < each; n += 1) {
      players.push(new Player(Seat, `r${room}`, `r${room}p${n}`));
      await pause(JOIN_MS);
    }
  }
  const blind = () => players.filter((player) => player.last === 0).length;
  await until(() => `${blind()} of ${players.length} players never saw a tick`, () => blind() === 0, SEATED_MS);
  for (const player of players) {
    setTimeout(() => {
      player.timer = setInterval(() => player.send(), INPUT_MS);
    }, Math.random() * INPUT_MS);
  }
}

/** Counting begins anew. */
function count() {
  for (const player of players) Object.assign(player, { frames: 0, calm: 0 });
  return { own: process.cpuUsage(), at: performance.now() };
}

/** What has been seen since, and what this process did for it. */
function counted({ own, at }) {
  const { user, system } = process.cpuUsage(own);
  return {
    frames: players.reduce((sum, player) => sum + player.frames, 0),
    calm: quantiles(players.map((player) => player.calm)),
    client: (user + system) / 1000 / (performance.now() - at),
  };
}

/** Until every input has shown, or nothing new does. */
async function settle() {
  const shown = () => players.reduce((total, player) => total + Math.min(player.applied, player.sent), 0);
  const sent = players.reduce((total, player) => total + player.sent, 0);
  let [before, since] = [shown(), performance.now()];
  const settled = () => {
    if (shown() !== before) [before, since] = [shown(), performance.now()];
    return before === sent || performance.now() - since > QUIET_MS;
  };
  await until(() => 'the inputs applied never came to rest', settled, SETTLE_MS);
}

async function finish() {
  for (const player of players) clearInterval(player.timer);
  const now = performance.now();
  for (const player of players) player.gap = Math.max(player.gap, now - player.last);
  const begun = mark;
  mark = Infinity;
  await settle();
  const sum = (of) => players.reduce((total, player) => total + of(player), 0);
  const seconds = players.map((player) => player.second);
  const resets = new Set(players.filter((player) => player.resets > 0).map((player) => player.room));
  const result = {
    closed: sum((player) => player.closed),
    gap: quantiles(players.map((player) => player.gap)),
    sent: sum((player) => player.sent),
    lost: sum((player) => Math.max(0, player.sent - player.applied)),
    twice: sum((player) => Math.max(0, player.applied - player.sent)),
    resets: resets.size,
    moved: seconds.every(Boolean) ? (Math.max(...seconds) - begun) / 1000 : null,
  };
  for (const player of players) player.seat.leave();
  return result;
}

let since;

const orders = {
  sit,
  finish,
  count: () => {
    since = count();
  },
  counted: () => counted(since),
  mark: () => {
    mark = performance.now();
  },
  move: ({ url }) => {
    address = url;
  },
};

process.on('message', async ({ order, ...rest }) => {
  try {
    process.send({ done: order, result: await orders[order](rest) });
  } catch (error) {
    process.send({ done: order, error: error.message });
  }
});
process.on('disconnect', () => process.exit(0));
