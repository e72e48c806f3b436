// Moments: what a backup can be restored to, as a line of time with its gaps, and a slider for the moment that one looks at.
import { button, h, icon, put, svg } from "../dom.js";
import * as format from "../format.js";
import { sentence } from "../sentences.js";

const WIDTH = 1000, HEIGHT = 56;
/** Places of the slider; points are reached exactly by their own buttons. */
const STEPS = 1000;

export class Moments {
  element;
  #timeline; #onMoment; #from; #to; #isBusy = false;
  #slider = h("input", { type: "range", min: "0", max: String(STEPS), "aria-label": "Moment" });
  #chosen = h("p", { class: "moment-chosen" });
  #state = h("div", { class: "moment-state", role: "status" });

  /** `onMoment(ns)` opens that moment; it rejects where nothing can be restored to. */
  constructor({ timeline, at }, onMoment) {
    this.#timeline = timeline;
    this.#onMoment = onMoment;
    const { points, spans } = timeline, newest = points.at(-1);
    const ends = [...spans.flatMap(({ from, to }) => [from, to]), ...points.map((point) => point.at)].filter(Boolean).sort((a, b) => a.ms - b.ms);
    [this.#from, this.#to] = [ends[0], ends.at(-1)];
    const current = at === undefined ? this.#to : this.#moment(at);
    this.#slider.value = String(this.#place(current.ms));
    this.#say(current);
    this.#slider.addEventListener("input", () => this.#say(this.#sliderMoment()));
    this.#slider.addEventListener("change", () => this.#go(this.#sliderMoment().ns));
    this.element = h("section", { class: "view moments", "aria-label": "Moments" },
      h("header", { class: "view-head" }, h("div", {}, h("h1", {}, "Moments"), h("p", { class: "facts" }, `${format.plural(points.length, "point")} of backup. The newest is of ${format.moment(newest.at.ms)} UTC, ${format.duration(Math.max(0, Date.now() - newest.at.ms))} ago.`))),
      h("div", { class: "moment-card" }, this.#chosen, this.#track(), this.#slider,
        h("div", { class: "moment-ends" }, h("span", {}, format.moment(this.#from.ms)), h("span", {}, format.moment(this.#to.ms))),
        h("div", { class: "key" }, h("span", {}, h("span", { class: "swatch is-span" }), "any moment"), h("span", {}, h("span", { class: "swatch is-gap" }), "gap: no moment"), h("span", {}, h("span", { class: "swatch is-point" }), "point")),
        this.#state),
      this.#table());
  }

  #moment(ns) {
    return { ns, ms: Number(ns) / 1e6 };
  }

  #place(ms) {
    return Math.round(((ms - this.#from.ms) / (this.#to.ms - this.#from.ms || 1)) * STEPS);
  }

  /** The moment of the slider; its ends are exact. */
  #sliderMoment() {
    const place = Number(this.#slider.value);
    if (place <= 0) return this.#from;
    if (place >= STEPS) return this.#to;
    return this.#moment(this.#from.ns + ((this.#to.ns - this.#from.ns) * BigInt(place)) / BigInt(STEPS));
  }

  #say({ ms }) {
    const text = `${format.moment(ms, { fine: true })} UTC`;
    put(this.#chosen, text);
    this.#slider.setAttribute("aria-valuetext", text);
  }

  async #go(ns) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    put(this.#state, h("p", { class: "note" }, "Opening this moment…"));
    try {
      await this.#onMoment(ns);
    } catch (error) {
      const told = sentence(error, "This moment can't be restored");
      put(this.#state, told && h("div", { class: "trouble", role: "alert" }, icon("alert"), h("div", {}, h("strong", {}, told.title), h("p", {}, told.text))));
    } finally {
      this.#isBusy = false;
    }
  }

  #track() {
    const x = (ms) => ((ms - this.#from.ms) / (this.#to.ms - this.#from.ms || 1)) * WIDTH;
    const bars = this.#timeline.spans.map(({ from, to }) => {
      const left = x((from ?? this.#from).ms);
      return svg("rect", { class: "track-span", x: left, y: 20, width: Math.max(3, x(to.ms) - left), height: 16, rx: 3 });
    });
    const marks = this.#timeline.points.map(({ at }) => svg("line", { class: "track-point", x1: x(at.ms), x2: x(at.ms), y1: 12, y2: 44 }));
    return svg("svg", { class: "track", viewBox: `-6 0 ${WIDTH + 12} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { class: "track-gap", x: 0, y: 20, width: WIDTH, height: 16, rx: 3 }), bars, marks);
  }

  #table() {
    const head = [["Point", ""], ["Moment (UTC)", ""], ["LSN", "number"], ["Bytes", "number"], ["", ""]].map(([text, kind]) => h("th", { scope: "col", class: kind }, text));
    const rows = [...this.#timeline.points].reverse().map(({ entry, lsn, at, bytes }) => h("tr", {},
      h("th", { scope: "row" }, entry), h("td", { class: "mono" }, format.moment(at.ms, { fine: true })), h("td", { class: "number" }, String(lsn)), h("td", { class: "number" }, format.bytes(bytes)),
      h("td", { class: "number" }, button({ text: "Open", "aria-label": `Open ${entry}`, onclick: () => this.#go(at.ns) }))));
    return h("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": "Points of the backup" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)));
  }
}
