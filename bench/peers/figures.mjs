// Numbers into a table.

/** The median, the 99th percentile and the largest. */
export function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** The middle of an odd number of runs, the lower middle of an even one. */
export function median(values) {
  return quantiles(values).p50;
}

/** A median, with the smallest and the largest where they differ. */
function spread(values, show = (value) => String(Math.round(value))) {
  if (values.some((value) => value === null)) return `not all (${values.filter((value) => value !== null).length} of ${values.length} runs)`;
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map(show);
  return least === most ? middle : `${middle} (${least}–${most})`;
}

const HEAD =
  '| system | sockets closed | longest gap p50 | p99 | max | inputs lost | applied twice | rooms reset | all on version 2 | longest gap before p50 | server CPU per frame | client |';

/** The table of what the players saw. */
export function table(results, leftOut) {
  const rows = results.map(({ title, runs }) => {
    const of = (pick, show) => spread(runs.map(pick), show);
    const ms = (pick) => `${of(pick)} ms`;
    const cells = [
      title, of((run) => run.closed), ms((run) => run.gap.p50), ms((run) => run.gap.p99), ms((run) => run.gap.max),
      `${of((run) => run.lost)} of ${of((run) => run.sent)}`, of((run) => run.twice), of((run) => run.resets),
      of((run) => run.moved, (value) => `${value.toFixed(2)} s`),
      ms((run) => run.calm.p50), `${of((run) => run.cost)} µs`, `${of((run) => run.client * 100)} %`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const missing = leftOut.map(({ title, why }) => `| ${title} | left out: ${why} | | | | | | | | | | |`);
  return [HEAD, `|${'---|'.repeat(12)}`, ...rows, ...missing].join('\n');
}
