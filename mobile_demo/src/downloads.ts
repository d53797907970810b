/** Gets a model's file, once: it is kept on the device, and checked whenever it is opened. */

import { type Form, megabytes, type Model } from "./manifest";

const STORE = "models";

/** A download that did not bring what the manifest names. */
export class DownloadError extends Error {}

// Browsers have neither the cache nor the digest on pages that come by plain HTTP from another
// computer: there a model is loaded anew each time, and only its length is checked.
async function openStore(): Promise<Cache | null> {
  return "caches" in self ? caches.open(STORE) : null;
}

async function isWhole(bytes: ArrayBuffer, form: Form): Promise<boolean> {
  if (bytes.byteLength !== form.bytes) return false;
  if (!("subtle" in crypto)) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === form.sha256;
}

async function fetchBytes(
  url: string,
  form: Form,
  progress: (share: number) => void,
): Promise<ArrayBuffer> {
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok || !response.body) throw new Error(`the server said ${response.status}`);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  const reader = response.body.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    parts.push(step.value);
    received += step.value.length;
    progress(Math.min(1, received / form.bytes));
  }
  return new Blob(parts).arrayBuffer();
}

/**
 * Gives the bytes of one form of a model, from the device where they are kept there.
 *
 * @param model Whose file it is.
 * @param form Which one.
 * @param progress Is told the share that has arrived, 0 to 1.
 * @throws DownloadError if the file cannot be had, or is not the one that the manifest names.
 */
export async function openForm(
  model: Model,
  form: Form,
  progress: (share: number) => void,
): Promise<ArrayBuffer> {
  const path = `${model.folder}/${form.path}`;
  // With the digest in its address a new export is another file.
  const url = `${path}?sha256=${form.sha256}`;
  const store = await openStore();
  const kept = await store?.match(url);
  if (kept) {
    const bytes = await kept.arrayBuffer();
    if (await isWhole(bytes, form)) return bytes;
    await store!.delete(url);
  }
  let bytes: ArrayBuffer;
  try {
    bytes = await fetchBytes(url, form, progress);
  } catch (error) {
    throw new DownloadError(
      `${form.form} (${megabytes(form.bytes)}) could not be downloaded: ${(error as Error).message}.`,
    );
  }
  if (!(await isWhole(bytes, form))) {
    throw new DownloadError(
      `${form.form} (${megabytes(form.bytes)}) arrived damaged: it is not the file that was exported.`,
    );
  }
  if (store) {
    for (const old of await store.keys()) {
      if (new URL(old.url).pathname === new URL(url, location.href).pathname) await store.delete(old);
    }
    // A full disk costs the work offline, and nothing else.
    await store.put(url, new Response(bytes)).catch(() => {});
  }
  return bytes;
}
