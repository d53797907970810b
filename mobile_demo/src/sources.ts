/** Where pictures come from: the camera, a file of the device, or the samples of this site. */

import { CameraError, type Shot, takePicture } from "./camera";
import { el, icon } from "./dom";
import type { Sample } from "./manifest";

/** A chosen picture; `labels` of a sample are known, those of other pictures are not. */
export interface Chosen {
  shot: Shot;
  labels: string[] | null;
  /** Index of the sample, for the link: photos never leave the device. */
  sample: number | null;
}

/** Decodes a file and turns it upright, as its EXIF data says. */
async function decode(blob: Blob): Promise<Shot> {
  const image = await createImageBitmap(blob, { imageOrientation: "from-image" });
  return { image, width: image.width, height: image.height };
}

/**
 * Loads a picture of this site.
 *
 * @param say Tells the user where it cannot be had; then the result is null.
 */
export async function openSample(
  samples: Sample[],
  index: number,
  say: (message: string) => void,
): Promise<Chosen | null> {
  const { path, labels } = samples[index]!;
  try {
    const blob = await (await fetch(path)).blob();
    return { shot: await decode(blob), labels, sample: index };
  } catch {
    say(`Sample ${index + 1} could not be loaded. Is the computer that serves this page still on?`);
    return null;
  }
}

/**
 * Buttons for the camera and a photo, and a row of samples.
 *
 * @param label What the picture will be, for screen readers.
 * @param samples The pictures of this site.
 * @param say Tells the user what went wrong.
 * @param onchoose Is given the picture.
 */
export function sourcePicker(
  label: string,
  samples: Sample[],
  say: (message: string) => void,
  onchoose: (chosen: Chosen) => void,
): { element: HTMLElement; mark(index: number | null): void } {
  const file = el("input", { type: "file", accept: "image/*", hidden: true, "aria-label": label });
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (!chosen) return;
    try {
      onchoose({ shot: await decode(chosen), labels: null, sample: null });
    } catch {
      say(
        `${chosen.name} is not a picture that this browser can read, or too large for it. ` +
          "Choose a JPEG or PNG file.",
      );
    }
  });
  const camera = async () => {
    try {
      const shot = await takePicture();
      if (shot) onchoose({ shot, labels: null, sample: null });
    } catch (error) {
      if (!(error instanceof CameraError)) throw error;
      say(error.message);
    }
  };
  const buttons = samples.map(({ path }, index) =>
    el(
      "button",
      {
        type: "button",
        class: "sample",
        "aria-label": `Sample ${index + 1}`,
        "aria-pressed": "false",
        onclick: async () => {
          const chosen = await openSample(samples, index, say);
          if (chosen) onchoose(chosen);
        },
      },
      el("img", { src: path, alt: "", width: 56, height: 56 }),
    ),
  );
  return {
    element: el(
      "div",
      { class: "sources", role: "group", "aria-label": label },
      el("button", { type: "button", class: "source", onclick: camera }, icon("camera"), "Camera"),
      el(
        "button",
        { type: "button", class: "source", onclick: () => file.click() },
        icon("photo"),
        "Photo",
      ),
      file,
      ...buttons,
    ),
    mark(index) {
      buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
    },
  };
}
