// The legend: one row for each series of the chart, with its numbers in the time that is shown, and what lies under the pointer.
import { h, put } from "../dom.js";
import * as format from "../format.js";

export class Legend {
  element = h("div", { class: "legend", role: "region", "aria-label": "Series in the chart", tabIndex: 0 });
  #onToggle; #cells = []; #series = []; #at = h("th", { scope: "col", class: "number at" }, "At pointer");

  constructor(onToggle) {
    this.#onToggle = onToggle;
  }

  show(series, hidden) {
    this.#series = series;
    this.#cells = series.map(() => h("td", { class: "number at" }, "–"));
    const head = ["Last", "Min", "Mean", "Max", "Points"].map((text) => h("th", { scope: "col", class: "number" }, text));
    const rows = series.map(({ tags, summary }, i) => {
      const name = format.tags(tags);
      const toggle = h("button", {
        type: "button", class: "series-toggle", "aria-pressed": String(!hidden.has(i)), "aria-label": `Show ${name}`, dataset: { color: String((i % 12) + 1) },
        onclick: () => this.#onToggle(i),
      }, h("span", { class: "swatch", "aria-hidden": "true" }), h("span", {}, name));
      const numbers = [summary.last, summary.min, summary.mean, summary.max].map((value) => h("td", { class: "number" }, format.value(value)));
      return h("tr", { class: hidden.has(i) ? "is-hidden" : "" }, h("th", { scope: "row" }, toggle), this.#cells[i], numbers, h("td", { class: "number" }, format.count(summary.points)));
    });
    put(this.element, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Series"), this.#at, head)), h("tbody", {}, rows)));
  }

  /** Values at a place of the columns; null when the pointer is elsewhere. */
  point(index) {
    this.#cells.forEach((cell, i) => (cell.textContent = index === null ? "–" : format.value(this.#series[i].mean[index])));
  }
}
