// Everything that is written round the arena. An element is only touched when what it shows has changed.

const LINKS = {
  connecting: ["wait", "connecting"],
  open: ["good", "connected"],
  resuming: ["wait", "reconnecting"],
  ended: ["bad", "ended"],
};

const TOUCH = matchMedia("(pointer: coarse)").matches;

const $ = (id) => document.getElementById(id);

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

export class Hud {
  #rows = new Map();
  #podium = "";
  #toasts = [];
  #release = "";

  /** Shows a view. */
  show(view) {
    const on = view.podium.length === 0;
    write($("time"), clock(view.clock_ms));
    $("clock").dataset.late = String(on && view.clock_ms < 10_000);
    write($("round"), on ? `Round ${view.round}` : "Podium");
    this.#board(view);
    this.#gauges(view);
    this.#places(view);
    this.#releaseIs(view);
  }

  /** Shows where the connection stands. */
  link(state, detail = "") {
    const [look, text] = LINKS[state] ?? LINKS.connecting;
    $("link").dataset.state = look;
    write($("link").lastElementChild, detail || text);
  }

  /** Says something to the player for a few seconds; what is said meanwhile waits. */
  say(text, news = false) {
    this.#toasts.push({ text, news });
    if (this.#toasts.length === 1) this.#nextToast();
  }

  #nextToast() {
    const toast = $("toast");
    const { text, news } = this.#toasts[0];
    toast.textContent = text;
    toast.className = `hud shown ${news ? "news" : ""}`;
    setTimeout(() => toast.classList.remove("shown"), news ? 4200 : 1900);
    setTimeout(() => {
      this.#toasts.shift();
      if (this.#toasts.length > 0) this.#nextToast();
    }, news ? 4800 : 2400);
  }

  #releaseIs({ release, banner }) {
    if (release === this.#release) return;
    const first = this.#release === "";
    this.#release = release;
    write($("release"), release);
    write($("banner"), banner.replace(`${release}: `, ""));
    if (first) return;
    $("release").classList.remove("fresh");
    void $("release").offsetWidth; // starts the animation again
    $("release").classList.add("fresh");
    this.say(banner || `back on ${release}`, true);
  }

  #board({ board, you, looks, things }) {
    const ranked = board.toSorted((a, b) => b[2] - a[2]);
    const hues = new Map(things.map((thing) => [thing[0], looks[thing[3]][1]]));
    for (const [rank, [id, name, score, who]] of ranked.entries()) {
      let row = this.#rows.get(id);
      if (!row) {
        row = element("li");
        row.append(element("i"), element("span"), element("b"));
        row.style.setProperty("--hue", hues.get(id) ?? 210);
        $("board").append(row);
        this.#rows.set(id, row);
      }
      row.style.setProperty("--rank", rank);
      row.dataset.who = who;
      row.dataset.you = String(id === you);
      write(row.children[1], name);
      write(row.children[2], String(score));
    }
    for (const [id, row] of this.#rows) {
      if (board.some((entry) => entry[0] === id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
  }

  #gauges({ gauges, button }) {
    const place = $("gauges");
    while (place.children.length > gauges.length) place.lastChild.remove();
    while (place.children.length < gauges.length) {
      const gauge = element("div");
      gauge.append(element("span"), element("u"));
      place.append(gauge);
    }
    for (const [at, [label, percent, hue]] of gauges.entries()) {
      const gauge = place.children[at];
      write(gauge.firstChild, label === button && !TOUCH ? `${label} · space` : label);
      gauge.dataset.idle = String(percent === 0);
      gauge.style.setProperty("--share", percent / 100);
      gauge.style.setProperty("--hue", hue);
    }
  }

  #places({ podium, round, clock_ms }) {
    const places = JSON.stringify(podium);
    $("podium").hidden = podium.length === 0;
    write($("podium-title"), `Round ${round}${podium.length > 0 ? ` · ${podium[0].name} wins` : ""}`);
    write($("podium-time"), clock(clock_ms));
    if (places === this.#podium) return;
    this.#podium = places;
    const columns = podium.map(({ name, score, hue }) => {
      const column = element("div");
      column.style.setProperty("--hue", hue);
      column.append(element("b", String(score)), element("span", name), element("u"));
      return column;
    });
    $("places").replaceChildren(...columns);
  }
}

/** Minutes and seconds; the second that has begun counts. */
function clock(ms) {
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
