// The Rivet server that is compared: an actor per room. Its players come by Rivet's own connections (actions and
// events), or by plain WebSockets that outlive the actor's move ("hibernation").

import process from 'node:process';
import { actor, setup } from 'rivetkit';

const version = Number(process.env.RIVET_ENVOY_VERSION);
const pad = '.'.repeat(96);

function input({ state }, player) {
  state.players[player] = (state.players[player] ?? 0) + 1;
  if (version === 2) state.bonus += 2;
}

const table = actor({
  options: { canHibernateWebSocket: true },
  state: { tick: 0, players: {} },
  createVars: () => ({ sockets: new Set() }),
  createConnState: (_room, params) => ({ player: params?.player }),
  onWake: (room) => {
    // A room of version 1 has its first moment in version 2 here.
    if (version === 2) room.state.bonus ??= 0;
    room.vars.timer = setInterval(() => {
      room.state.tick += 1;
      const { tick, players, bonus } = room.state;
      const view = { tick, version, players: { ...players }, bonus, pad };
      room.broadcast('view', view);
      const text = JSON.stringify(view);
      for (const socket of room.vars.sockets) socket.send(text);
    }, 50);
  },
  onSleep: (room) => clearInterval(room.vars.timer),
  onWebSocket: (room, socket) => {
    const player = new URL(room.request.url).pathname.split('/').at(-1);
    room.vars.sockets.add(socket);
    socket.addEventListener('message', () => input(room, player));
    socket.addEventListener('close', () => room.vars.sockets.delete(socket));
  },
  actions: { input: (room) => input(room, room.conn.state.player) },
});

const registry = setup({
  use: { table },
  noWelcome: true,
  // Rivet's own actors for development; they would join the rooms' pool.
  startServices: false,
});
await registry.startAndWait();
console.log(JSON.stringify({ version }));
