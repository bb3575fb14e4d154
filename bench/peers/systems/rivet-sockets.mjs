// Rivet as in `rivet.mjs`, with plain WebSockets that its gateway keeps open while their actor moves.

export { after, launch, prepare } from './rivet.mjs';
export const title = 'Rivet, drain on version upgrade, hibernating WebSockets';
export const client = 'rivet-sockets';
export const docs = 'https://rivet.dev/docs/actors/websocket-handler';
