// A few soft tones, made on the spot. Browsers allow them after the first key or touch.

/** Steps of a pentatonic scale: any two of them sound well together. */
const SCALE = [0, 3, 5, 7, 10, 12, 15, 17];

export class Sound {
  #context;
  #on = localStorage.getItem("sound") !== "off";
  #step = 0;
  #lastAt = 0;
  #button = document.querySelector("#mute");

  constructor() {
    this.#button.addEventListener("click", () => this.#toggle());
    addEventListener("keydown", (event) => {
      if (event.code === "KeyM" && !(event.target instanceof HTMLInputElement)) this.#toggle();
    });
    this.#show();
  }

  /** A star was caught: the tone climbs while the chain goes on. */
  chime() {
    const now = performance.now();
    this.#step = now - this.#lastAt < 2500 ? (this.#step + 1) % SCALE.length : 0;
    this.#lastAt = now;
    this.#tone(440 * 2 ** (SCALE[this.#step] / 12), 0.25, 0.06);
  }

  /** Something hit something. */
  thud() {
    this.#tone(95, 0.18, 0.12);
  }

  /** A round begins or ends, or something is new. */
  fanfare() {
    for (const [at, step] of [0, 7, 12].entries()) {
      this.#tone(330 * 2 ** (step / 12), 0.5, 0.05, at * 0.11);
    }
  }

  #toggle() {
    this.#on = !this.#on;
    localStorage.setItem("sound", this.#on ? "on" : "off");
    this.#show();
  }

  #show() {
    this.#button.setAttribute("aria-pressed", String(this.#on));
  }

  #tone(pitch, seconds, volume, after = 0) {
    if (!this.#on || !navigator.userActivation?.hasBeenActive) return;
    this.#context ??= new AudioContext();
    const [tone, gain] = [this.#context.createOscillator(), this.#context.createGain()];
    const at = this.#context.currentTime + after;
    tone.type = "triangle";
    tone.frequency.value = pitch;
    gain.gain.setValueAtTime(volume, at);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + seconds);
    tone.connect(gain).connect(this.#context.destination);
    tone.start(at);
    tone.stop(at + seconds);
  }
}
