/** Gives a picture to other apps, or saves it. */

/**
 * Opens the phone's share sheet with a canvas as PNG; where there is none, saves the file.
 *
 * @returns What happened, for people; nothing where the user went back.
 */
export async function sharePicture(canvas: HTMLCanvasElement, name: string): Promise<string> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) return "The browser could not make a PNG of this picture.";
  const file = new File([blob], `${name}.png`, { type: "image/png" });
  // A computer's share sheet rarely offers to save, which is what is wanted there.
  if (matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files: [file] })) {
    try {
      await navigator.share({ files: [file] });
      return "Shared.";
    } catch (error) {
      if ((error as Error).name === "AbortError") return "";
    }
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return `Saved ${file.name}.`;
}

/** Copies the address of what is shown; `navigator.clipboard` is missing on plain HTTP. */
export async function copyLink(): Promise<string> {
  try {
    await navigator.clipboard.writeText(location.href);
    return "The link is copied.";
  } catch {
    return `The link is in the address bar: ${location.href}`;
  }
}
