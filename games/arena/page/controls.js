// Keyboard and stick (a finger or the mouse, anywhere), turned into {x, y, button}:
// thrust in percent to the right and down, and the one button.

const KEYS = {
  ArrowLeft: [-1, 0], KeyA: [-1, 0],
  ArrowRight: [1, 0], KeyD: [1, 0],
  ArrowUp: [0, -1], KeyW: [0, -1],
  ArrowDown: [0, 1], KeyS: [0, 1],
};
/** How far the stick moves, in pixels. */
const REACH = 52;
/** Steering is sent at most this often; the server steps as often. */
const SEND_EVERY_MS = 50;

export class Controls {
  #keys = new Set();
  #finger;
  #stick = [0, 0];
  #pressed = false;
  #sent = "";
  #sentAt = 0;
  #timer;
  #send;
  #stickElement = document.querySelector("#stick");
  #buttonElement = document.querySelector("#button");

  /** `send` is called with the new steering whenever it changes. */
  constructor(surface, send) {
    this.#send = send;
    addEventListener("keydown", (event) => this.#key(event, true));
    addEventListener("keyup", (event) => this.#key(event, false));
    addEventListener("blur", () => this.#letGo());
    document.addEventListener("visibilitychange", () => document.hidden && this.#letGo());
    surface.addEventListener("pointerdown", (event) => this.#touch(event));
    surface.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      surface.addEventListener(end, (event) => this.#lift(event));
      this.#buttonElement.addEventListener(end, () => this.#press(false));
    }
    this.#buttonElement.addEventListener("pointerdown", () => this.#press(true));
  }

  /** Shows what the button does; hides it if that is nothing. */
  label(text) {
    if (this.#buttonElement.textContent === text) return;
    this.#buttonElement.textContent = text;
    this.#buttonElement.hidden = text === "";
  }

  #key(event, down) {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey) return;
    if (!(event.code in KEYS) && event.code !== "Space") return;
    event.preventDefault();
    this.#keys[down ? "add" : "delete"](event.code);
    this.#changed();
  }

  #letGo() {
    this.#keys.clear();
    this.#pressed = false;
    this.#changed();
  }

  #press(down) {
    this.#pressed = down;
    this.#buttonElement.classList.toggle("held", down);
    this.#changed();
  }

  #touch(event) {
    if (this.#finger) return;
    this.#finger = { id: event.pointerId, x: event.clientX, y: event.clientY };
    const { style } = this.#stickElement;
    style.left = `${event.clientX}px`;
    style.top = `${event.clientY}px`;
    this.#stickElement.hidden = false;
    this.#drag(event);
  }

  #drag(event) {
    if (event.pointerId !== this.#finger?.id) return;
    const [dx, dy] = [event.clientX - this.#finger.x, event.clientY - this.#finger.y];
    const share = Math.min(1, REACH / (Math.hypot(dx, dy) || 1));
    this.#stick = [(dx * share) / REACH, (dy * share) / REACH];
    this.#stickElement.firstElementChild.style.translate = `${dx * share}px ${dy * share}px`;
    this.#changed();
  }

  #lift(event) {
    if (event.pointerId !== this.#finger?.id) return;
    this.#finger = undefined;
    this.#stick = [0, 0];
    this.#stickElement.hidden = true;
    this.#changed();
  }

  #steering() {
    let [x, y] = this.#stick;
    for (const code of this.#keys) {
      const [dx, dy] = KEYS[code] ?? [0, 0];
      x += dx;
      y += dy;
    }
    const over = Math.max(1, Math.hypot(x, y));
    const percent = (part) => Math.round((part / over) * 100);
    return { x: percent(x), y: percent(y), button: this.#pressed || this.#keys.has("Space") };
  }

  // A change goes out at once, the ones right after it together a step later.
  #changed() {
    if (this.#timer) return;
    const wait = this.#sentAt + SEND_EVERY_MS - performance.now();
    if (wait > 0) {
      this.#timer = setTimeout(() => { this.#timer = undefined; this.#flush(); }, wait);
    } else {
      this.#flush();
    }
  }

  #flush() {
    const steering = this.#steering();
    const text = JSON.stringify(steering);
    if (text === this.#sent) return;
    this.#sent = text;
    this.#sentAt = performance.now();
    this.#send(steering);
  }
}
