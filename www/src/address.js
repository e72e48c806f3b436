// The address of the page: what is open and what is looked at, in the part behind `#`, so that a reload and a bookmark come back to it.

/** What the address says: `open` is one of demo, saved or url; the rest is where one looks. */
export function readAddress() {
  const params = new URLSearchParams(location.hash.slice(1));
  const number = (key) => (params.get(key) && Number.isFinite(Number(params.get(key))) ? Number(params.get(key)) : undefined);
  return { demo: params.has("demo"), saved: params.get("db"), url: params.get("url"), view: params.get("view"), metric: params.get("metric"), from: number("from"), to: number("to") };
}

/** Writes it, without a step in the history: zooming is no travelling. */
export function writeAddress({ demo, saved, url, view, metric, from, to }) {
  const params = new URLSearchParams();
  if (demo) params.set("demo", "");
  if (saved) params.set("db", saved);
  if (url) params.set("url", url);
  // Files that a person chose can't be opened again by an address.
  if (params.size > 0) Object.entries({ view, metric, from: from && from.toFixed(3), to: to && to.toFixed(3) }).forEach(([key, value]) => value && params.set(key, value));
  history.replaceState(null, "", params.size > 0 ? `#${params}` : location.pathname + location.search);
}
