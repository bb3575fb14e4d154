// The Colyseus server that is compared. What a room keeps besides its schema outlives a restart in devMode by
// `onCacheRoom` and `onRestoreRoom`; without devMode a room ends with its process.

import process from 'node:process';
import { Room, Server } from '@colyseus/core';
import { WebSocketTransport } from '@colyseus/ws-transport';

const version = Number(process.env.VERSION);
const port = Number(process.env.PORT);
const pad = '.'.repeat(96);

class Table extends Room {
  kept = { tick: 0, players: {}, seats: {} };

  onCreate() {
    if (version === 2) this.kept.bonus = 0;
    this.onMessage('input', (client) => {
      this.kept.players[this.kept.seats[client.sessionId]] += 1;
      if (version === 2) this.kept.bonus += 2;
    });
    this.setSimulationInterval(() => this.tick(), 50);
  }

  onJoin(client, { player }) {
    // Who comes back after a restart in devMode joins without options, and has its seat already.
    if (player) this.kept.seats[client.sessionId] = player;
    this.kept.players[this.kept.seats[client.sessionId]] ??= 0;
  }

  onCacheRoom() {
    return this.kept;
  }

  onRestoreRoom(kept) {
    Object.assign(this.kept, kept);
  }

  tick() {
    const { tick, players, bonus } = this.kept;
    this.kept.tick = tick + 1;
    this.broadcast('view', { tick: tick + 1, version, players, bonus, pad });
  }
}

const quiet = () => {};
const server = new Server({
  transport: new WebSocketTransport(),
  devMode: process.env.DEV_MODE === '1',
  greet: false,
  // Its usual one writes to the output, where the port is said.
  logger: { debug: quiet, info: quiet, warn: console.error, error: console.error },
});
server.define('table', Table).filterBy(['room']);
await server.listen(port, '127.0.0.1');
console.log(JSON.stringify({ port }));
