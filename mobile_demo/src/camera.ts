/** Takes a picture with the camera. */

import { el, iconButton } from "./dom";

/** What a camera, a file or a sample gives: something to draw, and its size in pixels. */
export interface Shot {
  image: CanvasImageSource;
  width: number;
  height: number;
}

/** Why there is no camera, in words. */
export class CameraError extends Error {}

async function openStream(facing: "user" | "environment"): Promise<MediaStream> {
  if (!navigator.mediaDevices) {
    throw new CameraError("The camera works only where the address begins with https:// or is this device.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 1280 } },
    });
  } catch (error) {
    const { name } = error as DOMException;
    throw new CameraError(
      name === "NotAllowedError"
        ? "The camera is not allowed. Allow it in the browser's settings of this page."
        : "No camera was found. Take a photo from the device instead.",
    );
  }
}

/**
 * Shows what the camera sees until a picture is taken.
 *
 * @returns The picture, mirrored as it was shown with the front camera; null where the user went back.
 * @throws CameraError if there is no camera that may be used.
 */
export async function takePicture(): Promise<Shot | null> {
  let facing: "user" | "environment" = "user";
  let stream = await openStream(facing);
  const video = el("video", { playsinline: true, muted: true, "aria-label": "Camera" });
  const dialog = el("dialog", { class: "camera", "aria-label": "Camera" });

  async function attach(): Promise<void> {
    video.srcObject = stream;
    video.classList.toggle("mirrored", facing === "user");
    // Fails where the camera is closed before it shows anything.
    await video.play().catch(() => {});
  }
  const stop = () => stream.getTracks().forEach((track) => track.stop());

  return new Promise((resolve) => {
    let shot: Shot | null = null;
    const shutter = el("button", {
      type: "button",
      class: "shutter",
      "aria-label": "Take the picture",
      onclick: () => {
        const { videoWidth: width, videoHeight: height } = video;
        if (!width) return;
        const image = el("canvas", { width, height });
        const context = image.getContext("2d")!;
        if (facing === "user") context.setTransform(-1, 0, 0, 1, width, 0);
        context.drawImage(video, 0, 0);
        shot = { image, width, height };
        dialog.close();
      },
    });
    const flip = iconButton("flip", "Other camera", async () => {
      // Phones open one camera at a time.
      stop();
      facing = facing === "user" ? "environment" : "user";
      try {
        stream = await openStream(facing);
        if (dialog.open) await attach();
        else stop();
      } catch {
        dialog.close();
      }
    });
    dialog.append(
      el("div", { class: "viewfinder" }, video),
      el(
        "div",
        { class: "shutters" },
        iconButton("close", "Close the camera", () => dialog.close()),
        shutter,
        flip,
      ),
    );
    dialog.addEventListener("close", () => {
      stop();
      dialog.remove();
      resolve(shot);
    });
    document.body.append(dialog);
    dialog.showModal();
    void attach();
  });
}
