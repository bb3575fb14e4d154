// Ports that nobody listens on.

import { createServer } from 'node:net';

/** A port of 127.0.0.1 that was free a moment ago. Needed where a restarted keeper must come back under the same address. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
