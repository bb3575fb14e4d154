// The page: joins a room, plays its views back, sends the steering.
//
// Address: `?name=Ann` plays at once under that name, `?room=den` picks a room by name (else any open one),
// `?watch` looks on, `?round=60` makes rounds of a new room last so many seconds.

import { Controls } from "./controls.js";
import { offerDemo } from "./demo.js";
import { Hud } from "./hud.js";
import { join } from "./playon.js";
import { Probe } from "./probe.js";
import { Scene } from "./scene.js";
import { Sound } from "./sound.js";
import { DELAY_MS, Timeline } from "./timeline.js";

const query = new URLSearchParams(location.search);
const scene = new Scene(document.querySelector("#sky"));
const hud = new Hud();
const sound = new Sound();
const timeline = new Timeline();
const probe = new Probe();
const controls = new Controls(document.querySelector("#sky"), (steering) => probe.room?.send(steering));
let names = new Map();

window.arena = probe;

function play(name) {
  const watch = query.has("watch");
  const seconds = Number(query.get("round"));
  document.body.dataset.scene = watch ? "watch" : "play";
  const room = join({
    kind: "arena",
    name: query.get("room") ?? "",
    profile: { name },
    params: seconds > 0 ? { round_s: seconds } : {},
    watch,
    // Only where the ship should go now matters: what could not be sent is out of date.
    coalesce: (_waiting, steering) => [steering],
  });
  probe.room = room;
  room.on("view", (view) => show(view, watch));
  for (const name of ["event", "now"]) {
    room.on(name, (event) => {
      probe.events += 1;
      happen(event);
    });
  }
  room.on("state", (state) => {
    probe.state(state);
    hud.link(state, watch && state === "open" ? "watching" : "");
  });
  room.on("end", ({ reason }) => hud.say(`It is over: ${reason || "the server said goodbye"}. Reload to play again.`, true));
  hud.link(room.state);
  offerDemo(() => probe.lastView?.release ?? "");
}

function show(view, watch) {
  const now = performance.now();
  if (watch) cheer(probe.lastView, view);
  probe.view(view, now);
  timeline.push(view, now);
  names = new Map(view.board.map(([id, name, , who]) => [id, { name, who }]));
  hud.show(view);
  controls.label(watch ? "" : view.button);
}

// Sparks and words belong to what is drawn, which lies a little in the past.
function happen(event) {
  setTimeout(() => {
    if (event.kind === "say") {
      hud.say(event.text);
      sound.fanfare();
    } else if (event.kind === "pop") {
      scene.sparks.pop(event.x, event.y, event.hue, event.text);
      if (event.text === "") sound.thud();
      else sound.chime();
    }
  }, DELAY_MS);
}

// Events go to players only; a spectator sees from the board who has scored.
function cheer(last, view) {
  const scores = new Map(last?.board.map(([id, , score]) => [id, score]));
  for (const [id, , score] of view.board) {
    const more = score - (scores.get(id) ?? score);
    const [, x, y, look] = view.things.find((thing) => thing[0] === id) ?? [];
    if (more > 0 && look !== undefined) happen({ kind: "pop", x, y, hue: view.looks[look][1], text: `+${more}` });
  }
}

function frame(now) {
  const view = probe.lastView;
  const share = view ? view.clock_ms / view.length_ms : 1;
  scene.draw(now, timeline.things(now), view?.you, names, Math.min(1, share));
  requestAnimationFrame(frame);
}

function begin() {
  const given = query.get("name") ?? sessionStorage.getItem("playing");
  if (query.has("watch") || given) {
    play(given ?? "");
    return;
  }
  const input = document.querySelector("#name");
  input.value = localStorage.getItem("name") ?? "";
  input.focus();
  document.querySelector("#start").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = input.value.trim() || "Pilot";
    localStorage.setItem("name", input.value.trim());
    // A reload of this tab goes straight back to the ship.
    sessionStorage.setItem("playing", name);
    input.blur();
    play(name);
  });
}

begin();
requestAnimationFrame(frame);
