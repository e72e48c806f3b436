// Offline: the service worker keeps the files of this page, so that it opens without a network. A new version is taken at the next visit.

export function startOffline() {
  if (!("serviceWorker" in navigator) || !isSecureContext) return;
  // Where it is refused (private windows), the page works online.
  navigator.serviceWorker.register("./sw.js", { type: "classic" }).catch(() => {});
}
