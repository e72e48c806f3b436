// Windows: how wide they are at a zoom, and how rows of windows become columns of a chart. Pure, so that tests read it as data in, data out.

/** Widths in ns that people have words for; below a second 1, 2, 5 and their tens. */
const NICE = [
  ...[1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8].flatMap((ten) => [ten, 2 * ten, 5 * ten]),
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000].map((s) => s * 1e9),
];

/** Width of windows in ns (a whole number) so that there is at most one for each pixel between two moments in ms. */
export function widthFor(from, to, pixels) {
  const least = Math.max(1, ((to - from) * 1e6) / Math.max(1, pixels));
  return NICE.find((width) => width >= least) ?? Math.ceil(least);
}

/** A moment range moved out to whole windows, so that the windows at the edges are whole and do not flicker while panning. */
export function wholeWindows(from, to, width) {
  const ms = width / 1e6;
  return { from: Math.floor(from / ms) * ms, to: (Math.floor(to / ms) + 1) * ms };
}

/** Points that are drawn one by one rather than in windows, for this many pixels. */
export const rawLimit = (pixels) => Math.max(500, pixels);

/**
 * Windows by group as columns: one x for all groups, and for each group mean, min and max; null where a group has no points.
 * A gap is kept as a gap: lines break there.
 */
export function columnsOfWindows(groups, width) {
  const times = [...new Set(groups.flatMap((group) => Array.from(group.times)))].sort((a, b) => a - b);
  const step = width / 1e6;
  const x = [];
  times.forEach((time, i) => {
    // One empty place between two windows that do not touch is enough to break a line.
    if (i > 0 && time - times[i - 1] > step * 1.5) x.push(times[i - 1] + step * 1.5);
    x.push(time + step / 2);
  });
  const at = new Map(x.map((time, i) => [time, i]));
  const series = groups.map((group) => {
    const [mean, min, max] = [0, 1, 2].map(() => new Array(x.length).fill(null));
    group.times.forEach((time, i) => {
      const place = at.get(time + step / 2);
      [mean[place], min[place], max[place]] = [finite(group.mean[i]), finite(group.min[i]), finite(group.max[i])];
    });
    return { tags: group.tags, mean, min, max, summary: summaryOfWindows(group) };
  });
  return { x, series };
}

/** Points by series as columns. A line breaks where the pause is far longer than the usual step. */
export function columnsOfPoints(groups) {
  const broken = groups.map((group) => ({ ...group, breaks: pauses(group.times) }));
  const x = [...new Set(broken.flatMap(({ times, breaks }) => [...times, ...breaks]))].sort((a, b) => a - b);
  const at = new Map(x.map((time, i) => [time, i]));
  const series = broken.map(({ tags, times, values, breaks }) => {
    // `undefined` is "nothing here, draw on"; `null` is a gap.
    const mean = new Array(x.length).fill(undefined);
    breaks.forEach((time) => (mean[at.get(time)] = null));
    times.forEach((time, i) => (mean[at.get(time)] = finite(values[i])));
    return { tags, mean, min: null, max: null, summary: summaryOfPoints(values) };
  });
  return { x, series };
}

/** Moments in the middle of pauses of more than eight usual steps. */
function pauses(times) {
  if (times.length < 3) return [];
  const steps = Float64Array.from({ length: times.length - 1 }, (_, i) => times[i + 1] - times[i]);
  const usual = Float64Array.from(steps).sort()[steps.length >> 1];
  const found = [];
  steps.forEach((step, i) => { if (step > 8 * usual) found.push(times[i] + step / 2); });
  return found;
}

const finite = (value) => (Number.isFinite(value) ? value : null);

function summaryOfWindows({ min, max, mean, count }) {
  let points = 0, sum = 0, least = Infinity, most = -Infinity, last = null;
  count.forEach((n, i) => {
    points += n;
    if (!Number.isFinite(mean[i])) return;
    sum += mean[i] * n;
    least = Math.min(least, min[i]);
    most = Math.max(most, max[i]);
    last = mean[i];
  });
  return summary(points, sum, least, most, last);
}

function summaryOfPoints(values) {
  let sum = 0, least = Infinity, most = -Infinity, last = null, finiteCount = 0;
  values.forEach((value) => {
    if (!Number.isFinite(value)) return;
    finiteCount++;
    sum += value;
    least = Math.min(least, value);
    most = Math.max(most, value);
    last = value;
  });
  return { ...summary(finiteCount, sum, least, most, last), points: values.length };
}

const summary = (points, sum, least, most, last) =>
  last === null ? { points, min: null, max: null, mean: null, last: null } : { points, min: least, max: most, mean: sum / points, last };
