// The canvas: camera, sky, arena, trails and things.

import { draw, glow } from "./shapes.js";
import { Sparks } from "./sparks.js";

/** Radius of the arena in units, and how much of the dark round it is shown. */
const ARENA = 1000;
const MARGIN = 55;
/** Below so many pixels a unit the camera stops showing everything and follows one's ship. */
const SCALE_MIN = 0.33;
const STEP_MS = 50;
const FONT = "500 25px Inter, system-ui, 'Liberation Sans', sans-serif";

export class Scene {
  sparks = new Sparks();
  #canvas;
  #context;
  #sky = makeSky();
  #trails = new Map();
  #born = new Map();
  #camera = { x: 0, y: 0 };
  #size = { width: 0, height: 0, scale: 1 };
  #last = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    addEventListener("resize", () => this.#fit());
    this.#fit();
  }

  /** Draws one picture: the things, which of them is one's own, who they are, and the share of the round that is left. */
  draw(now, things, you, names, share) {
    const seconds = Math.min((now - this.#last) / 1000, 0.1);
    this.#last = now;
    const context = this.#context;
    const { width, height, scale } = this.#size;
    const pixels = this.#canvas.width / width;
    this.#follow(things.find((thing) => thing.id === you), seconds);

    context.setTransform(pixels, 0, 0, pixels, 0, 0);
    this.#drawSky(now / 1000);
    context.translate(width / 2, height / 2);
    context.scale(scale, scale);
    context.translate(-this.#camera.x, -this.#camera.y);
    drawArena(context, share);
    this.#drawTrails(now, things);
    for (const thing of things) {
      context.save();
      this.#drawThing(thing, now, names.get(thing.id), thing.id === you);
      context.restore();
    }
    this.sparks.draw(context, seconds);
  }

  #fit() {
    const pixels = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [innerWidth, innerHeight];
    this.#canvas.width = width * pixels;
    this.#canvas.height = height * pixels;
    const whole = Math.min(width, height) / 2 / (ARENA + MARGIN);
    this.#size = { width, height, scale: Math.max(whole, SCALE_MIN) };
  }

  // Keeps as much of the arena in the picture as there is room for.
  #follow(ship, seconds) {
    const { width, height, scale } = this.#size;
    const reach = (pixels) => Math.max(0, ARENA + MARGIN - pixels / 2 / scale);
    const within = (at, limit) => Math.max(-limit, Math.min(limit, at));
    const pull = 1 - Math.exp(-7 * seconds);
    this.#camera.x += (within(ship?.x ?? 0, reach(width)) - this.#camera.x) * pull;
    this.#camera.y += (within(ship?.y ?? 0, reach(height)) - this.#camera.y) * pull;
  }

  #drawSky(seconds) {
    const context = this.#context;
    const { width, height } = this.#size;
    const night = context.createLinearGradient(0, 0, width * 0.3, height);
    night.addColorStop(0, "#0b1020");
    night.addColorStop(1, "#06080f");
    context.fillStyle = night;
    context.fillRect(0, 0, width, height);
    for (const { x, y, depth, hue } of this.#sky) {
      const left = mod(x * width - this.#camera.x * depth * 0.06, width);
      const top = mod(y * height - this.#camera.y * depth * 0.06, height);
      const shine = 0.28 + 0.16 * Math.sin(seconds * depth + x * 90);
      context.fillStyle = `hsl(${hue} 70% 85% / ${shine * depth})`;
      context.fillRect(left, top, 0.7 + depth, 0.7 + depth);
    }
  }

  #drawTrails(now, things) {
    const context = this.#context;
    context.lineCap = "butt";
    for (const thing of things) {
      if (!thing.trail) continue;
      const dots = this.#trails.get(thing.id) ?? [];
      const last = dots.at(-1);
      if (last && Math.hypot(last.x - thing.x, last.y - thing.y) > 300) dots.length = 0;
      if (!last || now - last.at > 24) dots.push({ x: thing.x, y: thing.y, at: now });
      while (dots.length && now - dots[0].at > thing.trail * STEP_MS) dots.shift();
      this.#trails.set(thing.id, dots);
      drawTrail(context, dots, thing, now);
      if (thing.shape === "comet" && Math.random() < 0.35) {
        const [vx, vy] = [Math.random() * 80 - 40, Math.random() * 80 - 40];
        this.sparks.add(thing.x, thing.y, vx, vy, thing.hue, 0.9);
      }
    }
    keepOnly(this.#trails, things);
    keepOnly(this.#born, things);
  }

  #drawThing(thing, now, row, own) {
    const context = this.#context;
    context.translate(thing.x, thing.y);
    const ship = row !== undefined;
    if (ship) label(context, thing, row, own, now);
    // Whatever is new grows into the picture.
    if (!this.#born.has(thing.id)) this.#born.set(thing.id, now);
    const grown = Math.min(1, (now - this.#born.get(thing.id)) / 450);
    const falling = ship ? 1 : 1 + 2.2 * (1 - grown) ** 3;
    context.globalAlpha = grown * (row?.who === 2 ? 0.35 : 1);
    context.scale(falling, falling);
    draw(context, thing, now / 1000);
  }
}

function label(context, { size, hue }, { name, who }, own, now) {
  if (own) {
    const beat = 1 + 0.05 * Math.sin(now / 260);
    context.strokeStyle = `hsl(${hue} 90% 85% / .55)`;
    context.lineWidth = 2.5;
    context.setLineDash([14, 9]);
    context.lineDashOffset = -now / 45;
    context.beginPath();
    context.arc(0, 0, size * 1.75 * beat, 0, 7);
    context.stroke();
    context.setLineDash([]);
  }
  context.font = FONT;
  context.textAlign = "center";
  const bright = own ? "96% / .95" : who === 0 ? "72% / .5" : "86% / .8";
  context.fillStyle = `hsl(${hue} 45% ${bright})`;
  context.fillText(own ? "you" : who === 2 ? `${name} · away` : name, 0, size * 1.75 + 30);
}

function drawArena(context, share) {
  const floor = context.createRadialGradient(0, 0, 0, 0, 0, ARENA);
  floor.addColorStop(0, "hsl(226 55% 22% / .5)");
  floor.addColorStop(0.75, "hsl(226 55% 14% / .4)");
  floor.addColorStop(1, "hsl(220 60% 20% / .55)");
  context.fillStyle = floor;
  circle(context, ARENA);
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "hsl(220 60% 75% / .06)";
  for (const radius of [333, 666]) {
    circle(context, radius);
    context.stroke();
  }
  context.lineWidth = 4;
  context.strokeStyle = "hsl(215 60% 70% / .16)";
  circle(context, ARENA);
  context.stroke();
  // The rim is the clock: what shines is the time left.
  const from = -Math.PI / 2;
  for (const [line, alpha] of [[16, 0.1], [4, 0.8]]) {
    context.lineWidth = line;
    context.strokeStyle = `hsl(${share < 0.1 ? 350 : 205} 85% 72% / ${alpha})`;
    context.beginPath();
    context.arc(0, 0, ARENA, from, from + share * 2 * Math.PI);
    context.stroke();
  }
  if (share > 0 && share < 1) {
    const end = from + share * 2 * Math.PI;
    glow(context, Math.cos(end) * ARENA, Math.sin(end) * ARENA, 46, 205, 0.9);
  }
}

function drawTrail(context, dots, { x, y, hue, size, trail, shape }, now) {
  const [wide, bright] = shape === "ship" ? [size * 0.42, 0.42] : [size * 1.1, 0.7];
  for (const [at, dot] of dots.entries()) {
    const next = dots[at + 1] ?? { x, y };
    const age = Math.max(0, 1 - (now - dot.at) / (trail * STEP_MS));
    context.strokeStyle = `hsl(${hue} 90% 65% / ${bright * age * age})`;
    context.lineWidth = 1 + wide * age;
    context.beginPath();
    context.moveTo(dot.x, dot.y);
    context.lineTo(next.x, next.y);
    context.stroke();
  }
}

function circle(context, radius) {
  context.beginPath();
  context.arc(0, 0, radius, 0, 7);
}

function makeSky() {
  const one = () => ({
    x: Math.random(),
    y: Math.random(),
    depth: 0.3 + 0.9 * Math.random() ** 2,
    hue: 190 + 60 * Math.random(),
  });
  return Array.from({ length: 170 }, one);
}

function keepOnly(map, things) {
  if (map.size <= things.length + 20) return;
  const alive = new Set(things.map((thing) => thing.id));
  for (const id of map.keys()) if (!alive.has(id)) map.delete(id);
}

const mod = (number, by) => ((number % by) + by) % by;
