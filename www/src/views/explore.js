// Explore: the chart of a metric. Each zoom asks the engine for windows as wide as pixels, or for the points themselves where there
// are few, so that millions of points cost what a screen can show.
import { button, h, icon, put, select } from "../dom.js";
import * as format from "../format.js";
import { Plot } from "../plot.js";
import { sentence } from "../sentences.js";
import { columnsOfPoints, columnsOfWindows, rawLimit, wholeWindows, widthFor } from "../windows.js";
import { Legend } from "./legend.js";
import { Overview } from "./overview.js";

/** Series that are drawn at once; more are a fog. */
const LINES_MAX = 12;
/** The shortest time that can be shown, ms: what a float of ms since 1970 still tells apart. */
const SPAN_MIN = 0.01;

export class Explore {
  element;
  #db; #metric = null; #where = {}; #split = "*"; #range = null; #columns = null; #hidden = new Set(); #asked = 0; #waiting = null;
  #title = h("h1", {}); #facts = h("p", { class: "facts" }); #note = h("p", { class: "note", role: "status" });
  #splitBox = h("span", { class: "split" }); #time = h("p", { class: "time", "aria-live": "polite" });
  #chart = h("div", { class: "chart", tabIndex: 0, role: "application", "aria-roledescription": "chart" });
  #plot; #legend; #overview; #onRange;

  /** `onRange` is told the moments that are shown, for the address of the page. */
  constructor(db, { onRange = () => {} } = {}) {
    this.#db = db;
    this.#onRange = onRange;
    const go = (from, to) => this.show(from, to);
    this.#plot = new Plot(this.#chart, { onRange: go, onCursor: (index) => this.#legend.point(index) });
    this.#overview = new Overview(go);
    this.#legend = new Legend((i) => this.#toggle(i));
    const tool = (label, name, onclick) => button({ label, icon: name, kind: "ghost", onclick });
    const tools = h("div", { class: "tools", role: "toolbar", "aria-label": "Time" },
      tool("Earlier", "left", () => this.#plot.pan(-0.5)), tool("Later", "right", () => this.#plot.pan(0.5)),
      tool("Zoom in", "plus", () => this.#plot.zoom(0.5)), tool("Zoom out", "minus", () => this.#plot.zoom(2)),
      tool("Show everything", "whole", () => this.show(null)));
    this.element = h("section", { class: "view explore", "aria-label": "Explore" },
      h("header", { class: "view-head" }, h("div", {}, this.#title, this.#facts), h("div", { class: "view-tools" }, this.#splitBox, tools)),
      this.#time, this.#chart, this.#overview.element, this.#note, this.#legend.element);
    new ResizeObserver(() => this.#later()).observe(this.#chart);
  }

  /** Shows another metric, or other series of it (`where`: values by tag). */
  async pick(metric, where = {}) {
    const isNew = metric.name !== this.#metric?.name;
    [this.#metric, this.#where] = [metric, where];
    this.#hidden.clear();
    if (isNew) {
      this.#range = null;
      this.#split = metric.series > LINES_MAX ? "" : "*";
    }
    put(this.#title, metric.name);
    put(this.#facts, `${format.plural(metric.points, "point")} in ${format.plural(metric.series, "series", "series")} · ${format.day(metric.first)} to ${format.day(metric.last)}`);
    const keys = [...new Set((await this.#db.series(metric.name)).flatMap((tags) => Object.keys(tags)))].sort();
    const choices = [["*", "every series"], ["", "nothing: one line"], ...keys.map((key) => [`=${key}`, key])];
    const box = select(choices, this.#split, (value) => { this.#split = value; this.#hidden.clear(); this.#draw(); });
    box.setAttribute("aria-label", "Lines by");
    put(this.#splitBox, h("span", { class: "muted", "aria-hidden": "true" }, "Lines by"), box);
    await Promise.all([this.#draw(), this.#drawOverview()]);
  }

  /** Shows the moments from `from` to `to`, ms; everything for null. */
  show(from, to) {
    const whole = this.#whole();
    if (from === null) this.#range = null;
    else {
      const span = Math.max(SPAN_MIN, Math.min(to - from, (whole.to - whole.from) * 1.2));
      const start = Math.min(Math.max((from + to - span) / 2, whole.from - span * 0.5), whole.to - span * 0.5);
      this.#range = { from: start, to: start + span };
    }
    return this.#draw();
  }

  /** The moments that are shown, and the metric; null before there is one. */
  get shown() {
    return this.#metric && { metric: this.#metric.name, isWhole: this.#range === null, ...(this.#range ?? this.#whole()) };
  }

  #whole() {
    const { first, last } = this.#metric;
    const room = (last - first) * 0.005 || 1000;
    return { from: first - room, to: last + room };
  }

  #groupBy() {
    if (this.#split === "*") return "*";
    return this.#split ? [this.#split.slice(1)] : [];
  }

  #later() {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => { if (this.#metric && this.element.isConnected) this.#draw(); }, 120);
  }

  async #draw() {
    const mine = ++this.#asked, { from, to } = this.#range ?? this.#whole();
    this.#onRange();
    this.#overview.look(from, to);
    this.#chart.setAttribute("aria-busy", "true");
    try {
      const started = performance.now();
      const { columns, told } = await this.#ask(from, to);
      if (mine !== this.#asked) return;
      this.#columns = columns;
      this.#redraw();
      const took = performance.now() - started;
      put(this.#time, h("span", {}, `${format.moment(from, { fine: to - from < 60_000 })} – ${format.moment(to, { fine: to - from < 60_000 })} UTC`), h("span", { class: "muted" }, told, ` · ${took < 10 ? took.toFixed(1) : Math.round(took)} ms`));
      this.#chart.setAttribute("aria-label", this.#words(from, to));
    } catch (error) {
      if (mine !== this.#asked) return;
      const { title, text } = sentence(error, "The chart could not be drawn") ?? {};
      this.#plot.clear();
      put(this.#note, icon("alert"), title, ": ", text);
    } finally {
      if (mine === this.#asked) this.#chart.removeAttribute("aria-busy");
    }
  }

  /** Windows as wide as pixels; the points themselves where each group is one series and there are few points. */
  async #ask(from, to) {
    const width = widthFor(from, to, this.#plot.pixels), whole = wholeWindows(from, to, width);
    const query = { metric: this.#metric.name, where: this.#where };
    let groups = await this.#db.windows({ ...query, ...whole, width, groupBy: this.#groupBy() });
    const sizes = new Map(groups.map((group) => [group, group.count.reduce((sum, n) => sum + n, 0)]));
    const total = [...sizes.values()].reduce((sum, n) => sum + n, 0), found = groups.length;
    const isSingle = this.#split === "*" || this.#metric.series === 1;
    if (found > LINES_MAX) groups = [...groups].sort((a, b) => sizes.get(b) - sizes.get(a)).slice(0, LINES_MAX);
    groups.sort((a, b) => format.tags(a.tags).localeCompare(format.tags(b.tags)));
    put(this.#note, total === 0 && "No points in this time. Press 0 to show everything.", found > LINES_MAX && `The ${LINES_MAX} of ${found} lines with the most points are drawn. Choose tags on the left, or other lines, to see the rest.`);
    if (isSingle && found <= LINES_MAX && total <= rawLimit(this.#plot.pixels) * Math.max(1, found)) {
      const points = await this.#db.points({ ...query, from: whole.from, to: whole.to });
      points.sort((a, b) => format.tags(a.tags).localeCompare(format.tags(b.tags)));
      return { columns: columnsOfPoints(points), told: `${format.plural(total, "point")}, each drawn` };
    }
    return { columns: columnsOfWindows(groups, width), told: `${format.plural(total, "point")} in windows of ${format.duration(width / 1e6)}: mean, and from min to max` };
  }

  #redraw() {
    this.#plot.draw(this.#columns, { ...(this.#range ?? this.#whole()), hidden: this.#hidden });
    this.#legend.show(this.#columns.series, this.#hidden);
  }

  #toggle(i) {
    if (!this.#hidden.delete(i)) this.#hidden.add(i);
    this.#redraw();
    this.#legend.element.querySelectorAll(".series-toggle")[i]?.focus();
  }

  async #drawOverview() {
    const whole = this.#whole(), metric = this.#metric;
    const width = widthFor(whole.from, whole.to, 500);
    this.#overview.draw(null, whole);
    const [windows] = await this.#db.windows({ metric: metric.name, where: this.#where, ...wholeWindows(whole.from, whole.to, width), width, groupBy: [] }).catch(() => []);
    if (metric === this.#metric) this.#overview.draw(windows ?? null, whole);
    const { from, to } = this.#range ?? whole;
    this.#overview.look(from, to);
  }

  #words(from, to) {
    const parts = this.#columns.series.slice(0, 4).map(({ tags, summary }) => `${format.tags(tags)}: ${format.value(summary.min)} to ${format.value(summary.max)}, mean ${format.value(summary.mean)}`);
    return `Chart of ${this.#metric.name} from ${format.moment(from)} to ${format.moment(to)} UTC. ${parts.join("; ")}. Arrow keys move in time, plus and minus zoom, 0 shows everything.`;
  }

  /** Draws again, e.g. when the colours have changed. */
  refresh() {
    if (this.#columns) this.#redraw();
  }
}
