// The welcome: what one sees before something is open. Ways in, and what this browser keeps.
import { button, h, icon, put } from "../dom.js";
import { canSave, deleteSaved, savedNames } from "../engine.js";
import { sentence } from "../sentences.js";

const POINTS = [
  ["Charts that keep up", "Every zoom asks for windows as wide as a pixel, down to single points. Millions of points cost what a screen can show."],
  ["A plain verdict", "Verify reads every checksum again and says sound or damaged, and where. A damaged file is never changed."],
  ["Yours alone", "The engine is the native one, in 64-bit exact times and values, on your device. Nothing is sent anywhere."],
];

export class Welcome {
  element;
  #on;
  #saved = h("section", { class: "saved", "aria-label": "Kept in this browser" });
  #trouble = h("div", { class: "trouble-box", role: "alert" });
  #progress = h("div", { class: "progress-box", role: "status" });

  /** `on`: demo(), files(files), url(text), saved(name). */
  constructor(on) {
    this.#on = on;
    const picker = (folder) => {
      const input = h("input", { type: "file", hidden: true, multiple: !folder, ...(folder ? { webkitdirectory: true } : {}) });
      input.tabIndex = -1;
      input.setAttribute("aria-hidden", "true");
      input.dataset.picks = folder ? "folder" : "file";
      input.addEventListener("change", () => { const files = [...input.files]; input.value = ""; on.files(files); });
      return input;
    };
    const file = picker(false), folder = picker(true);
    const url = h("input", { type: "url", name: "url", placeholder: "https://example.com/backup/ or data.db", "aria-label": "Address of a backup, a data.db or a CSV file", autocomplete: "off", required: true });
    this.element = h("main", { class: "welcome", id: "main" },
      h("div", { class: "hero" },
        h("h1", {}, "Open a database. ", h("em", {}, "Right here.")),
        h("p", { class: "lead" }, "Look into Chronicle databases and backups, chart millions of points, query, verify and export. The engine runs in this page: nothing is uploaded, and it works offline."),
        h("div", { class: "hero-buttons" }, button({ text: "Try it with generated data", kind: "primary big", onclick: () => on.demo() })),
        this.#trouble, this.#progress,
        h("div", { class: "ways" },
          h("div", { class: "drop" }, icon("file"), h("p", {}, h("strong", {}, "Drop a file or folder here"), h("span", {}, "data.db, a snapshot or backup folder, CSV, JSON lines, line protocol")),
            h("div", { class: "row" }, button({ text: "Open file…", onclick: () => file.click() }), button({ text: "Open folder…", onclick: () => folder.click() }), file, folder)),
          h("form", { class: "url", onsubmit: (event) => { event.preventDefault(); on.url(url.value.trim()); } }, url, h("button", { class: "button", type: "submit" }, "Fetch")))),
      this.#saved,
      h("ul", { class: "points" }, POINTS.map(([title, text]) => h("li", {}, h("h2", {}, title), h("p", {}, text)))));
    this.refresh();
  }

  async refresh() {
    if (!canSave()) return void put(this.#saved, h("p", { class: "note" }, "This browser keeps no data for pages (private window, or storage is switched off). Everything else works; save your work as files."));
    const names = await savedNames().catch(() => []);
    put(this.#saved, names.length > 0 && [h("h2", {}, "Kept in this browser"), h("ul", {}, names.sort().map((name) => h("li", {},
      h("button", { type: "button", class: "saved-name", onclick: () => this.#on.saved(name) }, icon("open"), name),
      button({ label: `Delete ${name}`, icon: "close", kind: "ghost", onclick: () => this.#delete(name) }))))]);
  }

  async #delete(name) {
    if (!confirm(`Delete "${name}" from this browser? This can't be undone. Files that you downloaded stay.`)) return;
    try {
      await deleteSaved(name);
    } catch (error) {
      this.trouble(sentence(error, `"${name}" was not deleted`));
    }
    await this.refresh();
  }

  /** Shows what went wrong, with a button for what helps; null takes it away. */
  trouble(told, help) {
    put(this.#progress);
    put(this.#trouble, told && h("div", { class: "trouble" }, icon("alert"), h("div", {}, h("strong", {}, told.title), h("p", {}, told.text), help && button({ text: help.text, onclick: help.onclick }))));
    if (told) this.#trouble.scrollIntoView({ block: "nearest" });
  }

  /** Shows something in the place of troubles, e.g. a verdict. */
  showBelow(element) {
    put(this.#trouble, element);
  }

  /** How far opening is. */
  progress(text, done, total) {
    put(this.#trouble);
    const bar = h("progress", { max: 1, "aria-label": "So far" });
    if (total) bar.value = Math.min(1, done / total);
    put(this.#progress, text && [h("p", {}, text), bar]);
  }
}
