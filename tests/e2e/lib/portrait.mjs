// The pictures of the README.

import { fileURLToPath } from 'node:url';

/** Waits at a lively moment for the picture, in milliseconds. */
const PATIENCE_MS = 45_000;

/** Takes a picture for `docs/images` at a lively moment; only if `PLAYON_SCREENSHOTS` is set, so that other runs change no file. */
export async function portrait(player, name) {
  if (!process.env.PLAYON_SCREENSHOTS) return;
  await player.until('there is much to see', lively, { patienceMs: PATIENCE_MS });
  const path = fileURLToPath(new URL(`../../../docs/images/${name}.png`, import.meta.url));
  await player.page.screenshot({ path });
}

// In the page: the match is well under way, hardly anybody covers anybody, most fly, and the own ship and a comet, if
// there are any, are well in view and by themselves.
function lively() {
  const { things, looks, board, release, you } = arena.lastView;
  const of = (shape) => things.filter(([, , , look]) => looks[look][0] === shape);
  const far = ([, x, y], [, ox, oy]) => Math.hypot(x - ox, y - oy);
  const ships = of('ship');
  const alone = (thing) => ships.every((ship) => ship === thing || far(ship, thing) > 140);
  const middle = (thing) => far(thing, [0, 0, 0]) < 700 && alone(thing);
  const flying = ships.filter(([, , , , , power]) => power > 40);
  const scored = board.filter(([, , score]) => score > 0);
  return [
    scored.length >= board.length - 1,
    flying.length > ships.length / 2,
    ships.filter(alone).length >= ships.length - 2,
    middle(ships.find(([id]) => id === you)),
    release === 'release 1' || of('comet').some(middle),
  ].every(Boolean);
}
