/** Makes the app work without a network, after its first picture. */

/**
 * Starts the service worker, and has it keep what was loaded before it ran.
 *
 * @param files Addresses of what the app has used so far.
 * @returns Whether the app now works offline.
 */
export async function workOffline(files: string[]): Promise<boolean> {
  if (!("serviceWorker" in navigator)) return false;
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) {
      await new Promise((resolve) =>
        navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }),
      );
    }
    // What the browser has just loaded comes from its own cache, through the service worker.
    const responses = await Promise.all(files.map((file) => fetch(file, { cache: "force-cache" })));
    return responses.every((response) => response.ok);
  } catch {
    // Chrome refuses service workers where it warned of the certificate.
    return false;
  }
}
