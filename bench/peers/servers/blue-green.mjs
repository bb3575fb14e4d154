// The plain server that is compared: rooms in memory, kept in Postgres, replaced blue/green.
// It says its port, loads a room at its first player, saves all rooms every second and once more at SIGTERM, when the
// sockets are closed with 1012 (service restart).

import process from 'node:process';
import pg from 'pg';
import { WebSocketServer } from 'ws';

const version = Number(process.env.VERSION);
const pad = '.'.repeat(96);
const db = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 });
const rooms = new Map();
let draining = false;

await db.query('CREATE TABLE IF NOT EXISTS rooms (name text PRIMARY KEY, state jsonb NOT NULL)');

async function load(name) {
  const found = await db.query('SELECT state FROM rooms WHERE name = $1', [name]);
  const state = found.rows[0]?.state ?? { tick: 0, players: {} };
  if (version === 2) state.bonus ??= 0;
  const room = { name, state, sockets: new Set() };
  room.timer = setInterval(() => tick(room), 50);
  return room;
}

function tick({ state, sockets }) {
  state.tick += 1;
  const frame = JSON.stringify({ tick: state.tick, version, players: state.players, bonus: state.bonus, pad });
  for (const socket of sockets) socket.send(frame);
}

/** One statement for all rooms, so one sync. */
async function save() {
  const list = [...rooms.values()].filter((room) => room.state);
  if (list.length === 0) return;
  const states = list.map((room) => JSON.stringify(room.state));
  await db.query(
    `INSERT INTO rooms SELECT * FROM unnest($1::text[], $2::jsonb[])
     ON CONFLICT (name) DO UPDATE SET state = excluded.state`,
    [list.map((room) => room.name), states],
  );
}

async function join(socket, name, player) {
  const early = [];
  const keep = (message) => early.push(message);
  socket.on('message', keep);
  const loading = rooms.get(name) ?? load(name).then((room) => (rooms.set(name, room), room));
  rooms.set(name, loading);
  const room = await loading;
  socket.off('message', keep);
  room.state.players[player] ??= 0;
  const apply = () => {
    if (draining) return;
    room.state.players[player] += 1;
    if (version === 2) room.state.bonus += 2;
  };
  early.forEach(apply);
  socket.on('message', apply);
  socket.on('close', () => room.sockets.delete(socket));
  room.sockets.add(socket);
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
server.on('connection', (socket, request) => {
  socket.on('error', () => {});
  const [, what, name, player] = request.url.split('/');
  if (what === 'echo') socket.on('message', (message) => socket.send(message.toString()));
  else join(socket, name, player).catch(() => socket.close(1011));
});
server.on('listening', () => console.log(JSON.stringify({ port: server.address().port })));

const saving = setInterval(() => save().catch((error) => console.error(error)), 1000);
process.on('SIGTERM', async () => {
  draining = true;
  clearInterval(saving);
  for (const room of rooms.values()) clearInterval(room.timer);
  await save();
  for (const socket of server.clients) socket.close(1012);
  server.close();
  setTimeout(() => process.exit(0), 500);
});
