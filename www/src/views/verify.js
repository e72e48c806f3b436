// Verify: reads everything again and says in plain words whether it is what was written.
import { button, h, icon, put, select } from "../dom.js";
import { verify } from "../engine.js";
import * as format from "../format.js";
import { sentence } from "../sentences.js";

const LEVELS = [["full", "Every checksum"], ["deep", "Every checksum, and decode every point"]];
/** Findings that are listed; the verdict counts all. */
const FINDINGS_MAX = 100;

export class Verify {
  element;
  #source; #cancel = null;
  #level = select(LEVELS, "full");
  #run = button({ text: "Verify", kind: "primary", onclick: () => (this.#cancel ? this.#cancel.abort() : this.run()) });
  #bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Verified so far" });
  #state = h("p", { class: "note", role: "status" });
  #verdict = h("div", { class: "verdict-box", "aria-live": "assertive" });

  /** `source()` answers what to verify: a saved name, or files, as `engine.verify` takes it. */
  constructor(source, title) {
    this.#source = source;
    this.#level.setAttribute("aria-label", "How thoroughly");
    this.element = h("section", { class: "view verify", "aria-label": "Verify" },
      h("header", { class: "view-head" }, h("div", {}, h("h1", {}, "Verify"), h("p", { class: "facts" }, `Reads all of ${title} again and compares it with what was written. Nothing is changed.`))),
      h("div", { class: "row" }, this.#level, this.#run), this.#bar, this.#state, this.#verdict);
  }

  async run() {
    if (this.#cancel) return;
    this.#cancel = new AbortController();
    const { signal } = this.#cancel;
    put(this.#run, "Stop");
    put(this.#verdict);
    this.#bar.hidden = false;
    this.#bar.removeAttribute("value");
    put(this.#state, "Reading…");
    const started = performance.now();
    try {
      const source = await this.#source(signal);
      const report = await verify(source, {
        level: this.#level.value, signal,
        onProgress: (done, total) => {
          this.#bar.value = total ? done / total : 1;
          put(this.#state, `${format.bytes(done)} of ${format.bytes(total)}`);
        },
      });
      put(this.#state);
      put(this.#verdict, verdict(report, performance.now() - started));
    } catch (error) {
      const told = sentence(error, "It could not be verified");
      put(this.#state, told ? "" : "Stopped. Nothing can be said yet.");
      put(this.#verdict, told && h("div", { class: "trouble", role: "alert" }, icon("alert"), h("div", {}, h("strong", {}, told.title), h("p", {}, told.text))));
    } finally {
      this.#cancel = null;
      this.#bar.hidden = true;
      put(this.#run, "Verify again");
    }
  }
}

function verdict(report, took) {
  const { sound, findings, findingsCount, points, logPoints = 0, segments, objects, bytes, torn } = report;
  const parts = segments === undefined ? format.plural(objects ?? 0, "object") : format.plural(segments, "segment");
  const read = `${format.bytes(bytes)} in ${format.duration(Math.max(1, Math.round(took)))}: ${parts}, ${format.plural(points + logPoints, "point")}`;
  const title = sound ? "Sound" : "Damaged";
  const text = sound
    ? "Every byte that was checked is what was written."
    : `${format.plural(findingsCount, "place")} ${findingsCount === 1 ? "is" : "are"} not what was written. Everything else that was read is. Keep what is there, restore the newest backup, or take what is left with: chronicle restore --salvage`;
  return h("article", { class: `verdict ${sound ? "is-sound" : "is-damaged"}` },
    h("div", { class: "verdict-mark" }, icon(sound ? "check" : "alert")),
    h("div", {}, h("h2", {}, title), h("p", {}, text), h("p", { class: "muted" }, read),
      torn && h("p", { class: "muted" }, `The end of the log was cut off by a crash: ${torn}. No write that was acknowledged is in it.`),
      findings.length > 0 && h("ul", { class: "findings" }, findings.slice(0, FINDINGS_MAX).map(({ place, message }) => h("li", {}, h("strong", {}, place), h("span", {}, message)))),
      findingsCount > FINDINGS_MAX && h("p", { class: "note" }, `and ${findingsCount - FINDINGS_MAX} more`)));
}
