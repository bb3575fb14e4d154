// The plain server that Playon's echo is compared with: every message goes back as it came.
// Prints its port, and ends with its standard input.

import process from "node:process";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on("connection", (socket) => {
  socket.on("message", (message) => socket.send(message));
});
server.on("listening", () => {
  console.log(JSON.stringify({ players: `127.0.0.1:${server.address().port}` }));
});
process.stdin.on("end", () => process.exit(0)).resume();
