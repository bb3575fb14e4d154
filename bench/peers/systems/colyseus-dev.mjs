// Colyseus in devMode: as it is restarted while developing, with its rooms kept. Its makers say it is not for production.

import * as colyseus from './colyseus.mjs';

export { client, prepare } from './colyseus.mjs';
export const title = 'Colyseus devMode (not meant for production)';
export const docs = 'https://docs.colyseus.io/server/devmode';
/** Seconds of play before a deploy: the client reconnects by itself only when it was connected for 5. */
export const uptime = 6;
export const launch = (plan) => colyseus.launch(plan, true);
