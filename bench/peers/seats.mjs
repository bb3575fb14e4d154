// How a player of each kind of client sits down: plain WebSockets, and the clients of Playon, Colyseus and Rivet.
// A seat calls `frame(view)` for what it sees and `closed()` for every socket that closes.

import process from 'node:process';
import { Client } from '@colyseus/sdk';
import WebSocket from 'ws';
import { join } from '../../clients/typescript/dist/playon.js';

/** Between two tries to connect. */
const RETRY_MS = 10;

// Colyseus' client tells each step of each player here, and the table is printed to the same place.
console.info = () => {};

/** A plain WebSocket. It reconnects at once, to the address that is good now. */
class Plain {
  constructor(where, room, name, on) {
    Object.assign(this, { where, room, name, on, over: false });
    this.connect();
  }

  connect() {
    const socket = new WebSocket(`${this.where()}/play/${this.room}/${this.name}`, { perMessageDeflate: false });
    let opened = false;
    this.socket = socket;
    socket.on('open', () => {
      opened = true;
    });
    socket.on('message', (bytes) => this.on.frame(JSON.parse(bytes)));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.over) return;
      if (opened) this.on.closed();
      setTimeout(() => this.connect(), opened ? 0 : RETRY_MS);
    });
  }

  /** Nothing is kept for later: what is sent while no socket is open is gone, as with any plain WebSocket. */
  send(n) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(String(n));
  }

  leave() {
    this.over = true;
    this.socket.terminate();
  }
}

/** Playon's client for Node. */
class Playon {
  constructor(where, room, name, on) {
    const options = { url: where(), kind: 'table', name: room, key: name, profile: { name }, WebSocket };
    this.room = join(options);
    this.room.on('view', (view) => on.frame(view));
    this.room.on('state', (state) => {
      if (state === 'resuming') on.closed();
    });
    this.room.on('end', ({ code, reason }) => {
      if (this.over) return;
      console.error(`a player was sent away: ${code} ${reason}`);
      process.exit(1);
    });
  }

  send(n) {
    this.room.send(n);
  }

  leave() {
    this.over = true;
    this.room.leave();
  }
}

/** Colyseus' own client, as it comes: it reconnects by itself where the server allows it; else the player joins anew. */
class Colyseus {
  constructor(where, room, name, on) {
    Object.assign(this, { where, name, on, options: { room, player: name }, over: false, open: false });
    this.connect();
  }

  async connect() {
    try {
      this.room = await new Client(this.where()).joinOrCreate('table', this.options);
    } catch {
      if (!this.over) setTimeout(() => this.connect(), RETRY_MS);
      return;
    }
    this.open = true;
    this.room.onMessage('view', (view) => this.on.frame(view));
    this.room.onReconnect(() => {
      this.open = true;
    });
    this.room.onDrop(() => this.gone());
    this.room.onLeave(() => {
      this.gone();
      if (!this.over) this.connect();
    });
  }

  /** A try to reconnect that fails is no second socket. */
  gone() {
    if (this.open && !this.over) this.on.closed();
    this.open = false;
  }

  send(n) {
    this.room?.send('input', n);
  }

  leave() {
    this.over = true;
    this.room?.leave();
  }
}

/** Rivet has its packages in a folder of its own, and they may be missing. */
const rivet = (name) => import('./rivet/seat.mjs').then((seat) => seat[name]);

export const seats = {
  plain: () => Plain,
  playon: () => Playon,
  colyseus: () => Colyseus,
  rivet: () => rivet('Connection'),
  'rivet-sockets': () => rivet('Socket'),
};
