// Sparks and words that float away.

const SPARKS_MAX = 400;

export class Sparks {
  #sparks = [];
  #words = [];

  /** A burst at a place, with a word rising from it if there is one. */
  pop(x, y, hue, text) {
    for (let n = text ? 16 : 26; n > 0; n -= 1) {
      const [way, speed] = [Math.random() * 7, 60 + Math.random() * 260];
      this.add(x, y, Math.cos(way) * speed, Math.sin(way) * speed, hue, 0.35 + Math.random() * 0.5);
    }
    if (text) this.#words.push({ x, y, hue, text, age: 0 });
  }

  /** One spark: a place, a speed in units a second, a hue, seconds to live. */
  add(x, y, vx, vy, hue, life) {
    if (this.#sparks.length >= SPARKS_MAX) this.#sparks.shift();
    this.#sparks.push({ x, y, vx, vy, hue, life, age: 0 });
  }

  draw(context, seconds) {
    context.globalCompositeOperation = "lighter";
    for (const spark of this.#sparks) {
      spark.age += seconds;
      const slow = Math.exp(-3 * seconds);
      spark.vx *= slow;
      spark.vy *= slow;
      spark.x += spark.vx * seconds;
      spark.y += spark.vy * seconds;
      const left = Math.max(0, 1 - spark.age / spark.life);
      context.fillStyle = `hsl(${spark.hue} 95% ${60 + 25 * left}% / ${left})`;
      context.beginPath();
      context.arc(spark.x, spark.y, 1.5 + 3.5 * left, 0, 7);
      context.fill();
    }
    context.globalCompositeOperation = "source-over";
    this.#sparks = this.#sparks.filter((spark) => spark.age < spark.life);

    context.textAlign = "center";
    context.font = "600 38px Inter, system-ui, 'Liberation Sans', sans-serif";
    for (const word of this.#words) {
      word.age += seconds;
      const left = Math.max(0, 1 - word.age / 0.9);
      context.fillStyle = `hsl(${word.hue} 95% 80% / ${left})`;
      context.fillText(word.text, word.x, word.y - 34 - 60 * (1 - left * left));
    }
    this.#words = this.#words.filter((word) => word.age < 0.9);
  }
}
