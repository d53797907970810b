/** Keeps the app, the runtime and what was opened, so that all of it works without a network. */

// The page keeps the models by itself: it checks what arrives (downloads.ts).
const worker = self as unknown as ServiceWorkerGlobalScope;
const APP = `app-${__APP_FILES__.join()}`;
const RUNTIME = "runtime";

worker.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(APP)
      .then((cache) => cache.addAll(__APP_FILES__))
      .then(() => worker.skipWaiting()),
  );
});

worker.addEventListener("activate", (event) => {
  const forget = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("app-") && name !== APP) await caches.delete(name);
    }
    await worker.clients.claim();
  };
  event.waitUntil(forget());
});

/** What was kept first: for files whose names change with their content. */
async function keptFirst(request: Request, name: string): Promise<Response> {
  const cache = await caches.open(name);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

/** The network first: for what a new export or build replaces under the same name. */
async function networkFirst(request: Request): Promise<Response> {
  const cache = await caches.open(APP);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
    if (kept) return kept;
    throw error;
  }
}

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin || pathname.endsWith(".tflite")) return;
  if (pathname.includes("/runtime/")) event.respondWith(keptFirst(request, RUNTIME));
  else if (pathname.includes("/assets/")) event.respondWith(keptFirst(request, APP));
  else event.respondWith(networkFirst(request));
});
