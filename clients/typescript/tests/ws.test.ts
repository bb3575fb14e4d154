import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { join } from '../src/client.js';
import type { Closed } from '../src/connection.js';
import type { Room } from '../src/room.js';
import { type ClientFrame, readClient, writeServer } from './support/wire.js';
import { event, view, welcome } from './support/world.js';

let server: WebSocketServer;
let url: string;

before(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/play`;
});

after(() => server.close());

/** The next socket that a client opens, and what it says first. */
async function accept(): Promise<[WebSocket, ClientFrame | undefined]> {
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const [data] = (await once(socket, 'message')) as [Buffer];
  return [socket, readClient(new Uint8Array(data))[0]];
}

/** The next time the room tells that. */
function next(
  room: Room<unknown, unknown, unknown>,
  name: 'event' | 'view' | 'end' | 'state',
): Promise<unknown> {
  return new Promise((resolve) => {
    const off = room.on(name, (...args) => {
      off();
      resolve(args[0]);
    });
  });
}

/** The next frames that a client says. */
function frames(socket: WebSocket, count: number): Promise<ClientFrame[]> {
  const said: ClientFrame[] = [];
  return new Promise((resolve) => {
    socket.on('message', (message: Buffer) => {
      said.push(...readClient(new Uint8Array(message)));
      if (said.length === count) resolve(said);
    });
  });
}

test('over real sockets: join, play, lose the socket, resume, be refused', async () => {
  const room = join({ url, kind: 'arena', WebSocket, backoff: [1] });
  const [first, hello] = await accept();
  assert.equal(hello?.type, 'hello');
  const said = frames(first, 2);
  first.send(Buffer.concat([welcome('new'), event(1), view(1)].map(writeServer)));
  assert.equal(await next(room, 'view'), 'as of 1');
  room.send('a');
  assert.deepEqual(await said, [
    { type: 'ack', recv: 0 },
    { type: 'input', seq: 1, recv: 1, payload: '"a"' },
  ]);
  assert.ok(room.socket instanceof WebSocket);

  const accepted = accept();
  first.terminate();
  const [second, again] = await accepted;
  assert.ok(again?.type === 'hello');
  assert.deepEqual([again.generation, again.recv, again.lo], [2, 1, 1]);
  second.send(Buffer.concat([welcome('resumed', { eventSeq: 2 }), event(2)].map(writeServer)));
  assert.equal(await next(room, 'event'), 2);
  assert.equal(room.state, 'open');

  const ended = next(room, 'end');
  second.close(4903, 'PLY-0103 the room has ended');
  assert.deepEqual(await ended, { code: 4903, reason: 'PLY-0103 the room has ended', left: false });
});

test('the largest message that a server can be configured to write is read', async () => {
  const room = join({ url, kind: 'arena', WebSocket });
  const [socket] = await accept();
  const payload = Buffer.alloc((16 << 20) - 2, 'x');
  const quote = Buffer.from('"');
  const large = Buffer.concat([quote, payload, quote]);
  const shown = next(room, 'view');
  socket.send(
    Buffer.concat(
      [
        welcome('new'),
        { type: 'event', seq: 1, payload: large } as const,
        { type: 'view', asOf: 1, base: 0, payload: large } as const,
        { type: 'now', payload: large } as const,
      ].map(writeServer),
    ),
  );
  assert.equal(String(await shown).length, payload.length);
  assert.equal(room.state, 'open');
  room.leave();
});

test('a room can be left before its socket is open', async () => {
  const room = join({ url, kind: 'arena', WebSocket });
  room.leave();
  assert.equal(room.state, 'ended');
});

test('a server that is not there is tried again', async () => {
  const room = join({ url: 'ws://127.0.0.1:1/play', kind: 'arena', WebSocket, backoff: [1] });
  const why = await new Promise<{ code: number }>((resolve) => {
    let tries = 0;
    room.on('retry', (closed) => {
      tries += 1;
      if (tries === 3) resolve(closed);
    });
  });
  assert.equal(why.code, 1006);
  room.leave();
});

test('over real sockets: an address without a server of rooms is the end', async () => {
  for (const status of [403, 404, 426]) {
    const http = createServer((_, reply) => reply.writeHead(status).end('no')).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const at = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/play`;
    const room = join({ url: at, kind: 'arena', WebSocket, backoff: [1] });
    const end = (await next(room, 'end')) as { status?: number; reason: string };
    assert.equal(end.status, status);
    assert.match(end.reason, new RegExp(`HTTP status ${status}`));
    http.close();
  }
});

test('over real sockets: a server without a place says when to come back', async () => {
  const waits: [string | undefined, number][] = [
    ['5', 5_000],
    ['0', 0],
    ['9999', 60_000],
    ['Fri, 27 Nov 2026 23:00:00 GMT', 0],
    ['-1', 0],
    [undefined, 0],
  ];
  for (const [after, least] of waits) {
    const headers = after === undefined ? {} : { 'Retry-After': after };
    const http = createServer((_, reply) => reply.writeHead(503, headers).end('full')).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const at = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/play`;
    const room = join({ url: at, kind: 'arena', WebSocket, backoff: [100] });
    const [why, ms] = await new Promise<[Closed, number]>((resolve) => {
      room.on('retry', (...retry) => resolve(retry));
    });
    room.leave();
    http.close();
    assert.equal(why.status, 503);
    assert.ok(ms >= least && ms < least + 100, `${ms} ms after ${after}`);
  }
});
