// The list of metrics, and the tags of the one that is chosen. Choosing values of a tag leaves only their series in the chart.
import { h, put } from "../dom.js";
import * as format from "../format.js";

/** Values of one tag that are listed; a search finds the others. */
const VALUES_MAX = 40;

export class Metrics {
  element;
  #db; #onPick; #onChoose; #metrics = []; #chosen = null; #where = {};
  #list = h("ul", { class: "metric-list" });
  #search = h("input", { type: "search", placeholder: "Find a metric", "aria-label": "Find a metric", oninput: () => this.#draw() });
  #empty = h("p", { class: "note" });

  /** `onPick(metric, where)` is called whenever a metric or its tags are taken, `onChoose()` before it where a person did it. */
  constructor(db, { onPick, onChoose }) {
    this.#db = db;
    this.#onPick = onPick;
    this.#onChoose = onChoose;
    this.element = h("nav", { class: "metrics", "aria-label": "Metrics" }, this.#search, this.#list, this.#empty);
  }

  /** Reads the list again; keeps what is chosen where it is still there, else takes `name` or the first. */
  async refresh(name) {
    this.#metrics = await this.#db.metrics();
    const keep = name ?? this.#chosen?.name;
    const metric = this.#metrics.find((one) => one.name === keep) ?? this.#metrics[0] ?? null;
    this.#search.hidden = this.#metrics.length < 8;
    put(this.#empty, this.#metrics.length === 0 && "There are no points in it yet. Import some under Move data.");
    if (metric) await this.pick(metric);
    else this.#draw();
    return this.#metrics;
  }

  async pick(metric) {
    if (metric.name !== this.#chosen?.name) this.#where = {};
    this.#chosen = metric;
    this.#draw(await this.#facets(metric));
    await this.#onPick(metric, this.#where);
  }

  async #facets(metric) {
    const values = new Map();
    for (const tags of await this.#db.series(metric.name)) {
      for (const [key, text] of Object.entries(tags)) values.set(key, (values.get(key) ?? new Map()).set(text, (values.get(key)?.get(text) ?? 0) + 1));
    }
    return [...values].sort(([a], [b]) => a.localeCompare(b));
  }

  #shownFacets = [];

  #draw(facets = this.#shownFacets) {
    this.#shownFacets = facets;
    const words = this.#search.value.trim().toLowerCase();
    put(this.#list, this.#metrics.filter(({ name }) => name.toLowerCase().includes(words)).map((metric) => {
      const isChosen = metric.name === this.#chosen?.name;
      return h("li", { class: isChosen ? "is-chosen" : "" },
        h("button", { type: "button", class: "metric", "aria-current": isChosen ? "true" : null, onclick: () => { this.#onChoose(); this.pick(metric); } },
          h("span", { class: "metric-name" }, metric.name), h("span", { class: "metric-count" }, format.count(metric.points))),
        isChosen && facets.length > 0 && h("div", { class: "facets" }, facets.map(([key, values]) => this.#facet(key, values))));
    }));
  }

  #facet(key, values) {
    const chosen = this.#where[key] ?? [];
    const sorted = [...values].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })), more = sorted.length - VALUES_MAX;
    return h("div", { class: "facet", role: "group", "aria-label": `Tag ${key}` }, h("span", { class: "facet-key" }, key),
      h("div", { class: "chips" }, sorted.slice(0, VALUES_MAX).map(([text]) =>
        h("button", { type: "button", class: "chip", "aria-pressed": String(chosen.includes(text)), onclick: () => this.#toggle(key, text) }, text)),
      more > 0 && h("span", { class: "note" }, `and ${more} more: use SQL`)));
  }

  #toggle(key, text) {
    this.#onChoose();
    const chosen = this.#where[key] ?? [];
    const now = chosen.includes(text) ? chosen.filter((one) => one !== text) : [...chosen, text];
    const { [key]: _, ...others } = this.#where;
    this.#where = now.length ? { ...others, [key]: now } : others;
    this.#draw();
    this.#list.querySelectorAll(".chip").forEach((chip) => { if (chip.textContent === text && chip.closest(".facet").getAttribute("aria-label") === `Tag ${key}`) chip.focus(); });
    this.#onPick(this.#chosen, this.#where);
  }
}
