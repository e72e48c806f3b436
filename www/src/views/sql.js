// SQL: a box, and the answer as a table and as a chart.
import { button, h, icon, put } from "../dom.js";
import { saveStream } from "../download.js";
import * as format from "../format.js";
import { Plot } from "../plot.js";
import { sentence } from "../sentences.js";
import { answerRows, csvOf } from "./answer.js";

/** Rows that the table gets at once; a button adds as many again. */
const PAGE = 500;

export class Sql {
  element;
  #db; #answer = null; #rows = []; #cancel = null; #shown = "table"; #suggested = "";
  #text = h("textarea", { id: "sql", rows: 4, spellcheck: false, autocapitalize: "off", autocomplete: "off", "aria-describedby": "sql-hint" });
  #examples = h("div", { class: "chips", role: "group", "aria-label": "Examples" });
  #state = h("p", { class: "note", role: "status" });
  #run = button({ text: "Run", kind: "primary", onclick: () => (this.#cancel ? this.#cancel.abort() : this.run()) });
  #tabs = h("div", { class: "segments", role: "group", "aria-label": "Show the answer as" });
  #body = h("div", { class: "answer" });

  constructor(db) {
    this.#db = db;
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.run();
    });
    this.element = h("section", { class: "view sql", "aria-label": "Query" },
      h("header", { class: "view-head" }, h("h1", {}, h("label", { for: "sql" }, "Query"))),
      h("div", { class: "editor" }, this.#text, h("div", { class: "editor-bar" }, this.#run, h("span", { class: "hint", id: "sql-hint" }, h("kbd", {}, "Ctrl"), " + ", h("kbd", {}, "Enter"), " runs it"))),
      this.#examples, h("div", { class: "answer-bar" }, this.#state, this.#tabs), this.#body);
  }

  /** Examples for a metric; the box holds the first of them as long as nothing else was written there. */
  async suggest(metric) {
    const name = quoted(metric.name), [tags] = await this.#db.series(metric.name), key = Object.keys(tags ?? {})[0];
    const span = metric.last - metric.first, window = span > 7 * 86_400_000 ? "1h" : span > 3_600_000 ? "5m" : "10s";
    const examples = [
      [`Mean of each ${window}`, `SELECT mean(value), max(value)\nFROM ${name}\nGROUP BY time(${window})`],
      key && [`By ${key}`, `SELECT count(value), min(value), mean(value), max(value)\nFROM ${name}\nGROUP BY ${quoted(key)}`],
      ["Newest points", `SELECT value\nFROM ${name}\nORDER BY time DESC\nLIMIT 100`],
      ["99th percentile", `SELECT percentile(value, 99)\nFROM ${name}\nGROUP BY time(${window})${key ? `, ${quoted(key)}` : ""}`],
    ].filter(Boolean);
    put(this.#examples, examples.map(([title, sql]) => h("button", { type: "button", class: "chip", onclick: () => { this.#text.value = sql; this.run(); } }, title)));
    if (this.#text.value === this.#suggested) this.#text.value = examples[0][1];
    this.#suggested = examples[0][1];
  }

  async run() {
    if (this.#cancel) return;
    const text = this.#text.value.trim();
    if (!text) return void put(this.#state, "Write a query, or choose an example.");
    this.#cancel = new AbortController();
    put(this.#run, "Stop");
    put(this.#state, "Running…");
    try {
      this.#answer = await this.#db.sql(text, this.#cancel.signal);
      this.#rows = answerRows(this.#answer);
      const { took, cut } = this.#answer;
      put(this.#state, `${format.plural(this.#rows.length, "row")} in ${took < 10 ? took.toFixed(1) : Math.round(took)} ms`, cut && ". There are more: these are the first; add a LIMIT or wider windows.");
      this.#show(this.#shown);
    } catch (error) {
      const told = sentence(error, "The query could not be answered");
      this.#answer = null;
      put(this.#tabs);
      put(this.#body, told && h("div", { class: "trouble", role: "alert" }, icon("alert"), h("div", {}, h("strong", {}, told.title), h("p", {}, told.text))));
      put(this.#state, told ? "" : "Stopped.");
    } finally {
      this.#cancel = null;
      put(this.#run, "Run");
    }
  }

  #show(how) {
    this.#shown = how;
    const choice = (key, title) => h("button", { type: "button", "aria-pressed": String(how === key), onclick: () => { this.#show(key); this.#tabs.querySelector("[aria-pressed=true]").focus(); } }, title);
    put(this.#tabs, choice("table", "Table"), choice("chart", "Chart"), button({ text: "Download CSV", icon: "save", kind: "ghost", onclick: () => saveStream("answer.csv", new Blob([csvOf(this.#answer, this.#rows)]).stream()) }));
    if (how === "table") put(this.#body, this.#table());
    else this.#chart();
  }

  #table() {
    const { columns, tagNames } = this.#answer;
    const body = h("tbody", {});
    const more = button({ text: "", kind: "ghost", onclick: () => add() });
    let shown = 0;
    const add = () => {
      body.append(...this.#rows.slice(shown, shown + PAGE).map(({ time, tags, values }) => h("tr", {}, h("td", { class: "mono" }, time), tags.map((tag) => h("td", {}, tag)), values.map((value) => h("td", { class: "number" }, value === null ? "" : String(value))))));
      shown = Math.min(this.#rows.length, shown + PAGE);
      more.hidden = shown >= this.#rows.length;
      more.className = "button ghost";
      put(more, `Show more (${format.count(shown)} of ${format.count(this.#rows.length)})`);
    };
    add();
    const head = columns.map((name, i) => h("th", { scope: "col", class: i > tagNames.length ? "number" : "" }, name === "timestamp" ? "timestamp (UTC)" : name));
    return h("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": "Answer" }, h("table", {}, h("thead", {}, h("tr", {}, head)), body), more);
  }

  #chart() {
    const host = h("div", { class: "chart", tabIndex: 0, role: "img", "aria-label": "Chart of the answer; the table has its values" });
    put(this.#body, host, h("p", { class: "key" }));
    const { x, series, names, left } = chartOf(this.#answer);
    if (x.length < 2) return void put(this.#body, h("p", { class: "note" }, "A chart needs rows at two moments or more: group by time(…), or select points."));
    const whole = { from: x[0], to: x.at(-1) };
    const plot = new Plot(host, { onRange: (from, to) => draw(from === null ? whole : { from, to }), onCursor: () => {} });
    const draw = ({ from, to }) => plot.draw({ x, series }, { from, to, hidden: new Set() });
    draw(whole);
    put(this.#body.querySelector(".key"), names.map((name, i) => h("span", { dataset: { color: String((i % 12) + 1) } }, h("span", { class: "swatch", "aria-hidden": "true" }), name)), left > 0 && h("span", { class: "note" }, `and ${left} more, in the table`));
  }
}

/** A name as SQL wants it. */
const quoted = (name) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

/** Columns of an answer for the plot: a line for each group and value column, twelve at most. */
function chartOf(answer) {
  const lines = new Map(), { rows, valueNames } = answer;
  for (const { ns, tags, values } of rows) {
    const ms = Number(ns) / 1e6;
    valueNames.forEach((name, i) => {
      const key = JSON.stringify([tags, name]);
      if (!lines.has(key)) lines.set(key, { name: [name, format.tags(tags)].join(" · ").replace(" · all series", ""), at: new Map() });
      lines.get(key).at.set(ms, values[i]);
    });
  }
  const drawn = [...lines.values()].slice(0, 12);
  const x = [...new Set(drawn.flatMap(({ at }) => [...at.keys()]))].sort((a, b) => a - b);
  return { x, names: drawn.map(({ name }) => name), left: lines.size - drawn.length, series: drawn.map(({ at }) => ({ mean: x.map((ms) => at.get(ms)), min: null, max: null })) };
}
