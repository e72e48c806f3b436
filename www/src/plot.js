// The plot: uPlot with the gestures of this page. It draws columns and tells which moments a person wants to see; it asks for no data.
// Drag chooses a time, the wheel and two fingers zoom where they are, the keys pan and zoom; a double click shows everything.
import uPlot from "uplot";

const ZOOM = 0.72;

/** Colours of the style sheet as `rgb(…)`, in the theme of this moment; a canvas can't read `light-dark()`. */
function colorsOf(host, names) {
  const probe = host.appendChild(document.createElement("span"));
  const colors = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colors;
}

const SERIES = Array.from({ length: 12 }, (_, i) => `series-${i + 1}`);
const faded = (color) => color.replace(/^rgb\((.*)\)$/, (_, parts) => `rgba(${parts}, 0.22)`);

export class Plot {
  #host; #onRange; #onCursor; #plot = null; #resize;
  #touches = new Map();

  /** `onRange(from, to)` is called with moments in ms, `null` for everything; `onCursor(index)` with the place under the pointer. */
  constructor(host, { onRange, onCursor }) {
    this.#host = host;
    this.#onRange = onRange;
    this.#onCursor = onCursor;
    this.#resize = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
    this.#resize.observe(host);
    host.addEventListener("keydown", (event) => this.#key(event));
  }

  #size() {
    return { width: Math.max(120, this.#host.clientWidth), height: Math.max(160, this.#host.clientHeight) };
  }

  /** Pixels of the time axis, for the width of windows. */
  get pixels() {
    return Math.max(60, this.#host.clientWidth - 86);
  }

  /** Draws columns between two moments. `hidden` holds numbers of series that are not shown. */
  draw({ x, series }, { from, to, hidden }) {
    this.#plot?.destroy();
    const [ink, line, ...colors] = colorsOf(this.#host, ["muted", "grid", ...SERIES]);
    const font = `12px ${getComputedStyle(this.#host).fontFamily}`;
    const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, size: 4 } };
    const options = {
      ...this.#size(),
      ms: 1, tzDate: (ms) => uPlot.tzDate(new Date(ms), "UTC"),
      padding: [12, 26, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      scales: { x: { time: true, min: from, max: to, range: () => [from, to] }, y: { range: (_, low, high) => spread(low, high) } },
      axes: [{ ...axis, size: 48, space: 84, values: (_, ticks, __, ___, step) => timeLabels(ticks, step) }, { ...axis, size: 58, values: (_, ticks) => ticks.map(short) }],
      series: [{}], bands: [],
      hooks: {
        setSelect: [(plot) => this.#selected(plot)],
        setCursor: [(plot) => this.#onCursor(plot.cursor.idx ?? null)],
        ready: [(plot) => this.#gestures(plot)],
      },
    };
    const data = [x];
    series.forEach((one, i) => {
      const color = colors[i % colors.length], show = !hidden.has(i);
      if (one.min) {
        const edge = { stroke: "transparent", width: 0, show, points: { show: false } };
        options.series.push({ ...edge }, { ...edge });
        options.bands.push({ series: [data.length + 1, data.length], fill: faded(color) });
        data.push(one.min, one.max);
      }
      options.series.push({ stroke: color, width: 1.6, show, points: { show: one.min ? undefined : x.length < 240, size: 5, fill: color } });
      data.push(one.mean);
    });
    this.#plot = new uPlot(options, data, this.#host);
  }

  #selected(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.#onRange(from, to);
  }

  #gestures(plot) {
    const over = plot.over;
    over.addEventListener("dblclick", () => this.#onRange(null));
    over.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.metaKey || Math.abs(event.deltaY) >= Math.abs(event.deltaX)) {
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? ZOOM : 1 / ZOOM, event.offsetX / over.clientWidth);
      } else if (event.deltaX) {
        event.preventDefault();
        this.pan(event.deltaX / over.clientWidth);
      }
    }, { passive: false });
    over.addEventListener("touchstart", (event) => this.#touch(event), { passive: true });
    over.addEventListener("touchend", (event) => this.#lift(event, over), { passive: true });
  }

  #touch(event) {
    if (event.touches.length === 2) this.#touches = new Map([...event.touches].map((touch) => [touch.identifier, touch.clientX]));
  }

  /** Two fingers that have moved apart or together zoom once they are lifted. */
  #lift(event, over) {
    if (this.#touches.size !== 2) return;
    const now = new Map([...event.changedTouches, ...event.touches].map((touch) => [touch.identifier, touch.clientX]));
    const pairs = [...this.#touches].filter(([id]) => now.has(id)).map(([id, before]) => [before, now.get(id)]);
    this.#touches = new Map();
    if (pairs.length !== 2) return;
    const before = Math.abs(pairs[0][0] - pairs[1][0]), after = Math.abs(pairs[0][1] - pairs[1][1]);
    if (before < 10 || after < 10) return;
    const middle = (pairs[0][1] + pairs[1][1]) / 2 - over.getBoundingClientRect().left;
    this.zoom(before / after, middle / over.clientWidth);
  }

  #key(event) {
    const steps = { ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), "+": () => this.zoom(ZOOM), "=": () => this.zoom(ZOOM), "-": () => this.zoom(1 / ZOOM), 0: () => this.#onRange(null), Home: () => this.#onRange(null) };
    const step = !event.ctrlKey && !event.metaKey && !event.altKey && steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  }

  #range() {
    const { min, max } = this.#plot?.scales.x ?? {};
    return min === undefined || min === null ? null : { min, span: max - min };
  }

  /** Shows `factor` of the time that is shown; `at` of it, from 0 to 1, stays in place. */
  zoom(factor, at = 0.5) {
    const range = this.#range();
    if (!range) return;
    const from = range.min + range.span * at * (1 - factor);
    this.#onRange(from, from + range.span * factor);
  }

  /** Moves by a share of the time that is shown. */
  pan(share) {
    const range = this.#range();
    if (range) this.#onRange(range.min + range.span * share, range.min + range.span * (1 + share));
  }

  clear() {
    this.#plot?.destroy();
    this.#plot = null;
  }
}

/** A little room above and below; a flat line lies in the middle. */
function spread(low, high) {
  if (low === null || high === null || low === undefined) return [0, 1];
  if (low === high) return [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)];
  const room = (high - low) * 0.06;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Labels of the time axis in UTC, as fine as their step; the day or the year below where it changes. */
function timeLabels(ticks, step) {
  let before = "";
  return ticks.map((tick) => {
    const text = new Date(tick).toISOString(), [year, month, day] = text.slice(0, 10).split("-");
    const date = `${Number(day)} ${MONTHS[month - 1]}`, isDays = step >= 86_400_000;
    const [fine, coarse] = isDays ? [date, year] : [text.slice(11, step >= 60_000 ? 16 : step >= 1000 ? 19 : 23), `${date} ${year}`];
    const label = coarse === before ? fine : `${fine}\n${coarse}`;
    before = coarse;
    return label;
  });
}

function short(tick) {
  const size = Math.abs(tick);
  if (size >= 1e9 || (size !== 0 && size < 1e-4)) return tick.toExponential(1);
  if (size >= 1e6) return `${+(tick / 1e6).toFixed(3)}M`;
  if (size >= 1e4) return `${+(tick / 1e3).toFixed(3)}k`;
  return String(+tick.toFixed(6));
}
