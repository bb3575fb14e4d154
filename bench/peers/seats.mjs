// How a player of each kind of client sits down: plain WebSockets, and Playon's own client.
// A seat calls `frame(view)` for what it sees and `closed()` for every socket that closes.

import process from 'node:process';
import WebSocket from 'ws';
import { join } from '../../clients/typescript/dist/playon.js';

/** Between two tries to connect. */
const RETRY_MS = 10;

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

export const seats = { plain: Plain, playon: Playon };
