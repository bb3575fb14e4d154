// How things look. A look is a shape, a hue, a size and a trail; all a view has to do is name them.

const glows = new Map();

/** A soft round light, painted once for each hue. */
export function glow(context, x, y, radius, hue, strength) {
  let light = glows.get(hue);
  if (!light) {
    light = document.createElement("canvas");
    light.width = light.height = 128;
    const brush = light.getContext("2d");
    const fade = brush.createRadialGradient(64, 64, 0, 64, 64, 64);
    fade.addColorStop(0, `hsl(${hue} 95% 70% / .75)`);
    fade.addColorStop(0.3, `hsl(${hue} 95% 60% / .25)`);
    fade.addColorStop(1, `hsl(${hue} 95% 50% / 0)`);
    brush.fillStyle = fade;
    brush.fillRect(0, 0, 128, 128);
    glows.set(hue, light);
  }
  context.globalAlpha *= strength;
  context.globalCompositeOperation = "lighter";
  context.drawImage(light, x - radius, y - radius, 2 * radius, 2 * radius);
  context.globalCompositeOperation = "source-over";
  context.globalAlpha /= strength;
}

/** Draws a thing round the origin; `seconds` is any steady clock. */
export function draw(context, thing, seconds) {
  (SHAPES[thing.shape] ?? disc)(context, thing, seconds);
}

const SHAPES = { ship, star, comet };

function ship(context, { hue, size, angle, power }, seconds) {
  glow(context, 0, 0, size * 2.4, hue, 0.5);
  context.rotate(angle);
  // The hull is drawn a little larger than what bumps.
  context.scale(size * 1.18, size * 1.18);
  if (power > 5) flame(context, hue, power, seconds);
  const hull = context.createLinearGradient(-0.8, 0, 1.1, 0);
  hull.addColorStop(0, `hsl(${hue} 60% 38%)`);
  hull.addColorStop(0.7, `hsl(${hue} 85% 68%)`);
  hull.addColorStop(1, `hsl(${hue} 95% 88%)`);
  context.fillStyle = hull;
  context.beginPath();
  context.moveTo(1.12, 0);
  context.quadraticCurveTo(0.25, 0.3, -0.82, 0.78);
  context.quadraticCurveTo(-0.48, 0.2, -0.48, 0);
  context.quadraticCurveTo(-0.48, -0.2, -0.82, -0.78);
  context.quadraticCurveTo(0.25, -0.3, 1.12, 0);
  context.fill();
  context.lineWidth = 0.06;
  context.strokeStyle = `hsl(${hue} 95% 90% / .75)`;
  context.stroke();
  context.fillStyle = `hsl(${hue} 60% 16% / .85)`;
  context.beginPath();
  context.ellipse(0.2, 0, 0.26, 0.11, 0, 0, 7);
  context.fill();
}

function flame(context, hue, power, seconds) {
  const length = (0.5 + (power / 100) * 0.7) * (0.85 + 0.15 * Math.sin(seconds * 47));
  const fire = context.createLinearGradient(-0.45, 0, -0.45 - length, 0);
  const warm = power > 100 ? 44 : hue;
  fire.addColorStop(0, `hsl(${warm} 100% 88% / .95)`);
  fire.addColorStop(0.35, `hsl(${warm} 95% 65% / .6)`);
  fire.addColorStop(1, `hsl(${warm} 95% 55% / 0)`);
  context.fillStyle = fire;
  context.beginPath();
  context.moveTo(-0.45, 0.24);
  context.quadraticCurveTo(-0.6 - length * 0.5, 0.16, -0.45 - length, 0);
  context.quadraticCurveTo(-0.6 - length * 0.5, -0.16, -0.45, -0.24);
  context.fill();
}

function star(context, { id, hue, size }, seconds) {
  const beat = 1 + 0.13 * Math.sin(seconds * 3.1 + id * 1.7);
  glow(context, 0, 0, size * 3.4 * beat, hue, 0.7);
  context.rotate(0.25 * Math.sin(seconds * 0.7 + id));
  sparkle(context, size * 1.25 * beat, `hsl(${hue} 100% 92%)`);
}

function comet(context, { id, hue, size }, seconds) {
  glow(context, 0, 0, size * 4.4, hue, 1);
  context.rotate(seconds * 1.9 + id);
  sparkle(context, size * 1.5, `hsl(${hue} 100% 78%)`);
  context.rotate(Math.PI / 4);
  sparkle(context, size * 0.95, `hsl(${hue} 100% 92%)`);
}

/** Whatever this page has no picture for. */
function disc(context, { hue, size }) {
  glow(context, 0, 0, size * 3, hue, 0.8);
  context.fillStyle = `hsl(${hue} 90% 75%)`;
  context.beginPath();
  context.arc(0, 0, size, 0, 7);
  context.fill();
}

function sparkle(context, radius, colour) {
  const waist = radius * 0.16;
  context.fillStyle = colour;
  context.beginPath();
  for (let tip = 0; tip < 4; tip += 1) {
    const [a, b] = [(tip * Math.PI) / 2, ((tip + 0.5) * Math.PI) / 2];
    const point = [Math.cos(a) * radius, Math.sin(a) * radius];
    if (tip === 0) context.moveTo(...point);
    else context.quadraticCurveTo(Math.cos(a - Math.PI / 4) * waist, Math.sin(a - Math.PI / 4) * waist, ...point);
    if (tip === 3) context.quadraticCurveTo(Math.cos(b) * waist, Math.sin(b) * waist, radius, 0);
  }
  context.fill();
}
