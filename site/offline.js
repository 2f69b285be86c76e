// Keeps the playground, so that a second visit works without a connection. `make site` fills in VERSION and FILES.
const CACHE = "t2v-VERSION";
const FILES = [];

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep(FILES));
});
self.addEventListener("activate", (event) => event.waitUntil(forget().then(() => self.clients.claim())));
self.addEventListener("message", (event) => event.waitUntil(keep(event.data)));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

async function keep(addresses) {
  const cache = await caches.open(CACHE);
  for (const address of addresses) {
    if (!(await cache.match(address))) await cache.add(address);
  }
}

async function forget() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("t2v-") && name !== CACHE).map((name) => caches.delete(name)));
}

/** A page comes from the network if there is one, and so is never old; what it loads comes from the cache if it is there. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept && request.mode !== "navigate") return kept;
  try {
    return await fetch(request);
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}
