// How a player of Rivet sits down, with Rivet's own client.

import { createClient } from 'rivetkit/client';

/** Between two tries to connect. */
const RETRY_MS = 10;
/** `readyState` of a WebSocket that can send. */
const OPEN = 1;

/** Rooms by address and name, each made once: its first player asks for it, the others are told its id. */
const rooms = new Map();
async function table(url, room, player) {
  const key = `${url} ${room}`;
  if (!rooms.has(key)) {
    const client = createClient({ endpoint: url, devtools: false });
    const id = client.table.getOrCreate([room]).resolve();
    id.catch(() => rooms.delete(key));
    rooms.set(key, { client, id });
  }
  const { client, id } = rooms.get(key);
  return client.table.getForId(await id, { params: { player } });
}

/** Rivet's connection: inputs are actions, views are events. It reconnects by itself until it gives up. */
export class Connection {
  constructor(where, room, name, on) {
    Object.assign(this, { where, room, name, on, over: false });
    this.connect();
  }

  async connect() {
    try {
      this.connection = (await table(this.where(), this.room, this.name)).connect();
    } catch {
      if (!this.over) setTimeout(() => this.connect(), RETRY_MS);
      return;
    }
    this.connection.on('view', (view) => this.on.frame(view));
    this.connection.onError(() => {});
    this.connection.onStatusChange((status) => this.changed(status));
  }

  changed(status) {
    if (this.over) return;
    if (this.status === 'connected' && status !== 'connected') this.on.closed();
    this.status = status;
    if (status !== 'idle') return;
    this.connection.dispose();
    setTimeout(() => this.connect(), RETRY_MS);
  }

  send(n) {
    this.connection?.input(n).catch(() => {});
  }

  leave() {
    this.over = true;
    this.connection?.dispose();
  }
}

/** A plain WebSocket through Rivet's gateway. It reconnects at once. */
export class Socket {
  constructor(where, room, name, on) {
    Object.assign(this, { where, room, name, on, over: false });
    this.connect();
  }

  async connect() {
    try {
      const handle = await table(this.where(), this.room, this.name);
      this.socket = await handle.webSocket(this.name);
    } catch {
      if (!this.over) setTimeout(() => this.connect(), RETRY_MS);
      return;
    }
    this.socket.addEventListener('message', ({ data }) => this.on.frame(JSON.parse(data)));
    this.socket.addEventListener('close', () => this.gone());
  }

  gone() {
    if (this.over) return;
    this.on.closed();
    this.connect();
  }

  /** Nothing is kept for later, as with any plain WebSocket. */
  send(n) {
    if (this.socket?.readyState === OPEN) this.socket.send(String(n));
  }

  leave() {
    this.over = true;
    this.socket?.close();
  }
}
