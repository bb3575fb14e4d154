// Runs in the page before its own scripts and notes what happens, independently of what the page thinks of it.
//
// `window.seen`: sockets (each with when and how it closed), every view in short, gaps the client reported, how each
// connection was welcomed, the number of the last input sent. `seen.hands(true)` makes the page's player chase stars with key events.

(() => {
  const VIEWS_MAX = 4_000;
  const seen = { sockets: [], views: [], gaps: [], welcomes: [], sent: 0, hands: (on) => (flying = on) };
  window.seen = seen;

  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...args) {
      super(...args);
      const note = { socket: this, opened: false, closed: null };
      seen.sockets.push(note);
      this.addEventListener('open', () => (note.opened = true));
      this.addEventListener('close', ({ code, reason }) => (note.closed = { code, reason, at: performance.now() }));
    }
  };

  // The page puts its probe into `window.arena` and later the room into the probe: both are caught in the act.
  catchIn(window, 'arena', (probe) => catchIn(probe, 'room', attach));

  function catchIn(object, name, caught) {
    let held = object[name];
    Object.defineProperty(object, name, {
      configurable: true,
      enumerable: true,
      get: () => held,
      set(value) {
        held = value;
        if (value) caught(value);
      },
    });
  }

  function attach(room) {
    const send = room.send.bind(room);
    room.send = (input) => {
      const seq = send(input);
      if (seq !== false) seen.sent = seq;
      return seq;
    };
    room.on('gap', (gap) => seen.gaps.push(gap));
    room.on('welcome', (welcome) => seen.welcomes.push({ ...welcome }));
    room.on('view', (view) => {
      const score = view.board.find(([id]) => id === view.you)?.[2] ?? 0;
      const [, x, y] = view.things.find(([id]) => id === view.you) ?? [];
      const { tick, clock_ms, round, you, release } = view;
      const podium = view.podium.length > 0;
      const socket = seen.sockets.findIndex((note) => note.socket === room.socket);
      seen.views.push({ at: performance.now(), tick, clock_ms, round, podium, you, x, y, score, release, socket });
      if (seen.views.length > VIEWS_MAX) seen.views.shift();
      fly(view);
    });
  }

  // --- hands on the keyboard ---

  let flying = false;
  let last = null;
  const held = new Set();

  function fly(view) {
    const wanted = flying ? keys(view) : [];
    for (const code of held) if (!wanted.includes(code)) press(code, false);
    for (const code of wanted) if (!held.has(code)) press(code, true);
  }

  function press(code, down) {
    held[down ? 'add' : 'delete'](code);
    window.dispatchEvent(new KeyboardEvent(down ? 'keydown' : 'keyup', { code, bubbles: true }));
  }

  // The keys that lead to the nearest star, braking in time.
  function keys(view) {
    const own = view.things.find(([id]) => id === view.you);
    const stars = view.things.filter(([, , , look]) => view.looks[look][0] !== 'ship');
    if (!own || stars.length === 0) return [];
    const [, x, y] = own;
    const ticks = last ? Math.max(1, view.tick - last.tick) : 1;
    const [vx, vy] = last ? [((x - last.x) * 20) / ticks, ((y - last.y) * 20) / ticks] : [0, 0];
    last = { tick: view.tick, x, y };
    const far = ([, sx, sy]) => Math.hypot(sx - x, sy - y);
    const [, sx, sy] = stars.reduce((best, star) => (far(star) < far(best) ? star : best));
    const [dx, dy] = [sx - x - vx * 0.4, sy - y - vy * 0.4];
    const codes = [];
    if (Math.abs(dx) > 12) codes.push(dx > 0 ? 'ArrowRight' : 'ArrowLeft');
    if (Math.abs(dy) > 12) codes.push(dy > 0 ? 'ArrowDown' : 'ArrowUp');
    if (view.button && Math.hypot(dx, dy) > 400) codes.push('Space');
    return codes;
  }
})();
