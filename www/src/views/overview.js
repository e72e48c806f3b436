// The overview: the whole time of a metric as a strip under the chart, and where in it one looks. A click or a drag moves there.
import { put, svg } from "../dom.js";

const WIDTH = 1000, HEIGHT = 40;

export class Overview {
  element = svg("svg", { class: "overview", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  #onRange; #whole = null; #seen = null;
  #shape = svg("path", { class: "overview-shape" });
  #before = svg("rect", { class: "overview-veil", y: 0, height: HEIGHT });
  #after = svg("rect", { class: "overview-veil", y: 0, height: HEIGHT });
  #frame = svg("rect", { class: "overview-frame", y: 0.5, height: HEIGHT - 1 });

  constructor(onRange) {
    this.#onRange = onRange;
    put(this.element, this.#shape, this.#before, this.#after, this.#frame);
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      this.#move(event);
    });
    this.element.addEventListener("pointermove", (event) => { if (this.element.hasPointerCapture(event.pointerId)) this.#move(event); });
  }

  #move(event) {
    if (!this.#whole || !this.#seen) return;
    const { left, width } = this.element.getBoundingClientRect();
    const { from, to } = this.#whole, half = (this.#seen.to - this.#seen.from) / 2;
    const middle = from + ((event.clientX - left) / width) * (to - from);
    this.#onRange(middle - half, middle + half);
  }

  /** The windows of all series together over the whole time; null while there are none. */
  draw(windows, whole) {
    this.#whole = whole;
    if (!windows) return this.#shape.setAttribute("d", "");
    let low = Infinity, high = -Infinity;
    windows.min.forEach((value) => (low = Math.min(low, value)));
    windows.max.forEach((value) => (high = Math.max(high, value)));
    const x = (time) => (((time - whole.from) / (whole.to - whole.from || 1)) * WIDTH).toFixed(1);
    const y = (value) => (HEIGHT - 5 - ((value - low) / (high - low || 1)) * (HEIGHT - 10)).toFixed(1);
    const parts = Array.from(windows.times, (time, i) => `M${x(time)} ${y(windows.min[i])}V${y(windows.max[i])}`);
    this.#shape.setAttribute("d", parts.join(""));
  }

  /** Where one looks. */
  look(from, to) {
    this.#seen = { from, to };
    if (!this.#whole) return;
    const span = this.#whole.to - this.#whole.from || 1;
    const at = (time) => Math.min(WIDTH, Math.max(0, ((time - this.#whole.from) / span) * WIDTH));
    const left = at(from), right = Math.max(at(to), left + 2);
    const set = (rect, x, width) => { rect.setAttribute("x", x); rect.setAttribute("width", Math.max(0, width)); };
    set(this.#before, 0, left);
    set(this.#after, right, WIDTH - right);
    set(this.#frame, left, right - left);
    this.#frame.toggleAttribute("hidden", left <= 0 && right >= WIDTH);
  }
}
