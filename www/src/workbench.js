// The workbench: an open database with its metrics on the left and its views behind tabs.
import { button, h, icon, put } from "./dom.js";
import * as format from "./format.js";
import { Explore } from "./views/explore.js";
import { Metrics } from "./views/metrics.js";
import { Moments } from "./views/moments.js";
import { Move } from "./views/move.js";
import { Sql } from "./views/sql.js";
import { Verify } from "./views/verify.js";

const TABS = [["explore", "Explore"], ["query", "Query"], ["moments", "Moments"], ["verify", "Verify"], ["move", "Move data"]];

export class Workbench {
  element;
  #opened; #views; #metrics; #explore; #sql; #move; #tabs = new Map(); #view = "explore"; #onLook;
  #panel = h("div", { class: "panel", role: "tabpanel", id: "panel", tabIndex: -1 });
  #rail = h("details", { class: "rail", open: true });
  #railTitle = h("summary", {}, "Metrics");

  /**
   * `opened`: what `opening.js` answers. `onLook` is called when view, metric or time change, `onSaved(name, db)` when it was saved,
   * `onMoment(ns)` when another moment of a backup is asked for.
   */
  constructor(opened, { onLook, onSaved, onMoment }) {
    this.#opened = opened;
    this.#onLook = onLook;
    const { db, title, timeline } = opened;
    this.#explore = new Explore(db, { onRange: () => onLook(this.look) });
    this.#sql = new Sql(db);
    this.#move = new Move(opened, { shown: () => this.#explore.shown, onImported: () => this.refresh(), onSaved });
    this.#views = {
      explore: this.#explore, query: this.#sql, verify: new Verify((signal) => this.#bytes(signal), title), move: this.#move,
      ...(timeline ? { moments: new Moments(opened, onMoment) } : {}),
    };
    this.#metrics = new Metrics(db, async (metric, where) => {
      put(this.#railTitle, icon("menu"), metric.name);
      if (["verify", "move"].includes(this.#view)) this.show("explore");
      await Promise.all([this.#explore.pick(metric, where), this.#sql.suggest(metric)]);
    });
    put(this.#rail, this.#railTitle, this.#metrics.element);
    if (matchMedia("(max-width: 900px)").matches) this.#rail.open = false;
    const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Views", onkeydown: (event) => this.#tabKey(event) }, TABS.filter(([key]) => this.#views[key]).map(([key, text]) => {
      const tab = h("button", { type: "button", role: "tab", id: `tab-${key}`, "aria-controls": "panel", onclick: () => this.show(key) }, text);
      this.#tabs.set(key, tab);
      return tab;
    }));
    this.element = h("div", { class: "workbench" }, this.#rail, h("main", { class: "main", id: "main" }, tabs, this.#notices(), this.#panel));
    this.show("explore");
  }

  #notices() {
    const { db, report } = this.#opened;
    const texts = [
      this.#opened.timeline?.damaged.length && `${format.plural(this.#opened.timeline.damaged.length, "record")} of this backup ${this.#opened.timeline.damaged.length === 1 ? "is" : "are"} damaged, e.g. ${this.#opened.timeline.damaged[0].entry}: ${this.#opened.timeline.damaged[0].message}. Verify lists everything.`,
      db.torn && `The last write was cut off by a crash and is not shown: ${db.torn}. No write that was acknowledged is missing.`,
      report?.skipped && `${format.plural(report.skipped, "line")} could not be read and ${report.skipped === 1 ? "was" : "were"} left out, e.g. line ${report.examples[0].line}: ${report.examples[0].message}`,
    ].filter(Boolean);
    return texts.map((text) => {
      const notice = h("div", { class: "notice", role: "status" }, icon("alert"), h("span", {}, text), button({ label: "Dismiss", icon: "close", kind: "ghost", onclick: () => notice.remove() }));
      return notice;
    });
  }

  /** What verify reads: the files or the address as they were chosen, the saved name, or a copy of what is in memory. */
  async #bytes(signal) {
    const { db, kind, title, source } = this.#opened;
    if (kind === "saved") return title;
    return source ?? db.snapshot(undefined, signal);
  }

  /** Reads what is there; looks at `metric` and the moments from `from` to `to` where they are given. */
  async refresh({ metric, from, to, view } = {}) {
    const wanted = view ?? this.#view;
    const metrics = await this.#metrics.refresh(metric);
    if (from !== undefined && to > from) await this.#explore.show(from, to);
    this.#move.setMetrics(metrics);
    this.show(metrics.length ? wanted : "move");
  }

  show(key) {
    const known = this.#views[key] ? key : "explore";
    this.#view = known;
    for (const [name, tab] of this.#tabs) {
      tab.setAttribute("aria-selected", String(name === known));
      tab.tabIndex = name === known ? 0 : -1;
    }
    this.#panel.setAttribute("aria-labelledby", `tab-${known}`);
    if (this.#panel.firstChild !== this.#views[known].element) put(this.#panel, this.#views[known].element);
    this.#onLook(this.look);
  }

  #tabKey(event) {
    const keys = [...this.#tabs.keys()], at = keys.indexOf(this.#view);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: keys.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const key = keys[(to + keys.length) % keys.length];
    this.show(key);
    this.#tabs.get(key).focus();
  }

  /** Where one looks, for the address. */
  get look() {
    const shown = this.#explore?.shown;
    return { view: this.#view === "explore" ? null : this.#view, metric: shown?.metric, ...(shown && !shown.isWhole ? { from: shown.from, to: shown.to } : {}) };
  }

  /** Moves the focus into the view, after it was made anew. */
  focusView() {
    this.#panel.querySelector("input[type=range]")?.focus();
  }

  refreshColors() {
    this.#explore.refresh();
  }

  close() {
    return this.#opened.db.close().catch(() => {});
  }
}
