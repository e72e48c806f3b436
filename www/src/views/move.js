// Move data: out as text or as a data.db, in from text, and into this browser. Each job says what it did in counts.
import { button, field, h, icon, put, select } from "../dom.js";
import { saveStream } from "../download.js";
import { canSave } from "../engine.js";
import * as format from "../format.js";
import { metricOf, textFormat } from "../opening.js";
import { saveAs } from "../saving.js";
import { sentence } from "../sentences.js";

const FORMATS = [["csv", "CSV"], ["jsonl", "JSON lines"], ["json", "JSON"], ["line", "Line protocol"]];

export class Move {
  element;
  #opened; #db; #title; #onImported; #onSaved; #shown;
  #metric = select([["", "All metrics"]], "");

  /** `shown()` answers the moments of the chart; `onImported()` and `onSaved(name, db)` are called when there is something new. */
  constructor(opened, { shown, onImported, onSaved }) {
    [this.#opened, this.#db, this.#title, this.#shown, this.#onImported, this.#onSaved] = [opened, opened.db, opened.title, shown, onImported, onSaved];
    const cards = [opened.kind !== "saved" && this.#saveCard(), this.#snapshotCard(), this.#importCard(), this.#exportCard()];
    this.element = h("section", { class: "view move", "aria-label": "Move data" },
      h("header", { class: "view-head" }, h("div", {}, h("h1", {}, "Move data"), h("p", { class: "facts" }, "Everything happens in this page. Nothing is sent anywhere."))),
      h("div", { class: "cards" }, cards));
  }

  setMetrics(metrics) {
    put(this.#metric, h("option", { value: "" }, "All metrics"), metrics.map(({ name }) => h("option", { value: name }, name)));
  }

  #exportCard() {
    const kind = select(FORMATS, "csv"), time = select([["all", "All of it"], ["shown", "What the chart shows"]], "all");
    return job("Export", "Points as text, for spreadsheets and other tools.", [field("Metric", this.#metric), field("Time", time), field("Format", kind)], "Export", async (tell, signal) => {
      const shown = time.value === "shown" ? this.#shown() : null;
      let report = null;
      const stream = this.#db.export({ format: kind.value, metric: this.#metric.value || undefined, from: shown?.from, to: shown?.to, signal, onProgress: (now) => { report = now; tell(`${format.plural(now.points, "point")}, ${format.bytes(now.bytes)}`); } });
      const done = await saveStream(`${stem(this.#title)}.${kind.value === "line" ? "lp" : kind.value}`, stream, signal);
      return done ? `Exported ${format.plural(report.points, "point")} of ${format.plural(report.series, "series", "series")}, ${format.bytes(report.bytes)}.` : "Not exported: no file was chosen.";
    });
  }

  #snapshotCard() {
    return job("Snapshot", "One data.db with everything up to now. Native Chronicle opens it as it is.", [], "Download data.db", async (tell, signal) => {
      const blob = await this.#db.snapshot((done, total) => tell(`${format.bytes(done)} of ${format.bytes(total)}`, done, total), signal);
      return (await saveStream("data.db", blob.stream(), signal)) ? `Saved ${format.bytes(blob.size)}.` : "Not saved: no file was chosen.";
    });
  }

  #saveCard() {
    const name = h("input", { type: "text", value: stem(this.#title), autocomplete: "off", maxLength: 80 });
    if (!canSave()) {
      return h("section", { class: "card", "aria-label": "Save in this browser" }, h("h2", {}, "Save in this browser"), h("p", {}, "This browser keeps no data for pages (private window, or storage is switched off). Download a data.db instead: it opens here again."));
    }
    return job("Save in this browser", this.#opened.timeline ? "Restores this moment into a database of this browser: here on your next visit, also offline, and open for writing. The backup is not touched." : "Keeps a copy that is here on your next visit, also offline, and can be written to.", [field("Name", name)], "Save", async (tell, signal) => {
      const chosen = name.value.trim();
      const saved = await saveAs(this.#opened, chosen, { signal, onProgress: (done, total) => tell(`${format.bytes(done)} of ${format.bytes(total)}`, done, total) });
      const { persisted, usage, quota } = await saved.storage();
      await this.#onSaved(chosen, saved);
      return `Saved and compared. ${quota ? `This site uses ${format.bytes(usage)} of ${format.bytes(quota)}.` : ""} ${persisted ? "" : "The browser may delete it when the disk is full: keep a data.db of what matters."}`;
    });
  }

  #importCard() {
    const metric = h("input", { type: "text", autocomplete: "off", placeholder: "where the file names none" });
    const file = h("input", { type: "file", accept: ".csv,.jsonl,.ndjson,.json,.lp,.line,.txt" });
    file.addEventListener("change", () => { if (file.files[0] && !metric.value) metric.placeholder = metricOf(file.files[0].name); });
    if (this.#db.readOnly) {
      return h("section", { class: "card", "aria-label": "Import" }, h("h2", {}, "Import"), h("p", {}, "What is open was opened for reading. Save it in this browser first, then import into the copy; or open a CSV file by itself."));
    }
    return job("Import", "CSV, JSON lines, JSON or line protocol. Importing the same file twice changes nothing.", [field("File", file), field("Metric", metric)], "Import", async (tell, signal) => {
      const chosen = file.files[0];
      if (!chosen) throw new Error("Choose a file first");
      const kind = textFormat(chosen.name) ?? "csv";
      const report = await this.#db.import(chosen.stream(), { format: kind, metric: metric.value.trim() || metricOf(chosen.name), onError: "skip", signal, onProgress: ({ bytes, points }) => tell(`${format.plural(points, "point")}`, bytes, chosen.size) });
      await this.#onImported();
      return importWords(report);
    });
  }
}

/** What an import did, in words. */
export function importWords({ points, newSeries, skipped, examples }) {
  const left = skipped ? ` ${format.plural(skipped, "line")} could not be read and ${skipped === 1 ? "was" : "were"} left out, e.g. line ${examples[0].line}: ${examples[0].message}.` : "";
  return `Imported ${format.plural(points, "point")}${newSeries ? `, ${format.plural(newSeries, "new series", "new series")}` : ""}.${left}`;
}

const stem = (title) => title.split("/").pop().replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_. -]+/gu, "-").trim() || "data";

/** A card with fields and a button that does `work(tell, signal)`, which answers what was done in words. */
function job(title, text, fields, verb, work) {
  const bar = h("progress", { max: 1, hidden: true, "aria-label": `${title}: so far` }), state = h("p", { class: "note", role: "status" });
  let cancel = null;
  const tell = (words, done, total) => {
    put(state, words);
    if (total) bar.value = Math.min(1, done / total);
  };
  const start = button({ text: verb, kind: "primary", onclick: async () => {
    if (cancel) return cancel.abort();
    cancel = new AbortController();
    bar.hidden = false;
    bar.removeAttribute("value");
    state.className = "note";
    put(start, "Stop");
    put(state, "Working…");
    try {
      put(state, icon("check"), await work(tell, cancel.signal));
      state.className = "note is-done";
    } catch (error) {
      const told = sentence(error, `${title} failed`);
      put(state, told ? [icon("alert"), `${told.title}: ${told.text}`] : "Stopped.");
      state.className = told ? "note is-wrong" : "note";
    } finally {
      cancel = null;
      bar.hidden = true;
      put(start, verb);
    }
  } });
  return h("section", { class: "card", "aria-label": title }, h("h2", {}, title), h("p", {}, text), fields, start, bar, state);
}
