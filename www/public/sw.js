// The service worker: answers for the files of this page from the cache that was filled when this version came. The build fills in
// the list and its hash; what is not in the list goes to the network untouched, so databases are never cached.
const VERSION = "__VERSION__";
const FILES = __FILES__;
const NAME = `chronicle-console-${VERSION}`;
const known = new Set(FILES.map((file) => new URL(file, self.registration.scope).href));

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })))).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const forget = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("chronicle-console-") && name !== NAME).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(forget());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  url.hash = url.search = "";
  if (event.request.method !== "GET" || !known.has(url.href)) return;
  event.respondWith(caches.open(NAME).then(async (cache) => (await cache.match(url.href)) ?? fetch(event.request)));
});
