// Elements: makes DOM without a template language. Text is always text, so nothing that comes from a database becomes markup.
const SVG = "http://www.w3.org/2000/svg";

/** An element with properties, attributes, listeners (`onclick`) and children; null and false children are left out. */
export function h(name, props = {}, ...children) {
  return fill(document.createElement(name), props, children);
}

/** The same for SVG. */
export function svg(name, props = {}, ...children) {
  return fill(document.createElementNS(SVG, name), props, children);
}

function fill(element, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "dataset") Object.assign(element.dataset, value);
    else if (key in element && !key.startsWith("aria") && typeof value !== "string" && !(element instanceof SVGElement)) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Replaces what is in an element. */
export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

const ICONS = {
  open: "M3 6.5V4.8c0-.7.6-1.3 1.3-1.3h3l1.7 2h6.7c.7 0 1.3.6 1.3 1.3v7.9c0 .7-.6 1.3-1.3 1.3H4.3c-.7 0-1.3-.6-1.3-1.3z",
  file: "M5 2.8h6.2L15 6.6v9.6c0 .6-.4 1-1 1H5c-.6 0-1-.4-1-1V3.8c0-.6.4-1 1-1zM11 3v4h4",
  moon: "M16 11.6A6.6 6.6 0 0 1 8.4 4a6.6 6.6 0 1 0 7.6 7.6z",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  left: "M12.5 4.5 7 10l5.5 5.5",
  right: "M7.5 4.5 13 10l-5.5 5.5",
  whole: "M3.5 7.5v-4h4M12.5 3.5h4v4M16.5 12.5v4h-4M7.5 16.5h-4v-4",
  close: "m5 5 10 10M15 5 5 15",
  save: "M10 3v9m0 0 3.5-3.5M10 12 6.5 8.5M3.5 13v2.5c0 .6.4 1 1 1h11c.6 0 1-.4 1-1V13",
  check: "m4.5 10.5 3.6 3.6 7.4-8",
  alert: "M10 6.5v4.2m0 2.8v.1M10 2.8l7.5 13.4h-15z",
  menu: "M3.5 6h13M3.5 10h13M3.5 14h13",
};

/** A line icon; it says nothing to screen readers, so its button needs a name. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" }, svg("path", { d: ICONS[name] }));
}

/** A button; `label` is its accessible name where it shows only an icon. */
export function button({ text, label, icon: name, kind = "", onclick, ...rest }) {
  return h("button", { type: "button", class: `button ${kind}${text ? "" : " square"}`, "aria-label": text ? rest["aria-label"] : label, title: text ? null : label, onclick, ...rest }, name && icon(name), text);
}

let named = 0;

/** A label and its field. */
export function field(text, input, hint) {
  input.id ||= `field-${++named}`;
  const told = hint && h("span", { class: "hint", id: `${input.id}-hint` }, hint);
  if (told) input.setAttribute("aria-describedby", told.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, text), input, told);
}

/** A choice of few: `[value, text]` pairs. */
export function select(options, value, onchange) {
  const element = h("select", { onchange: () => onchange?.(element.value) });
  put(element, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return element;
}
