/** The screen of StyleGAN and StyleGAN2: faces from random numbers. */

import { choice, el, icon, iconButton, slider, toggle } from "./dom";
import type { Run } from "./engine";
import { Latest } from "./latest";
import type { Model, StyleManifest } from "./manifest";
import { paint } from "./pictures";
import { between, latentsOf, newSeed } from "./random";
import { numberOf, type Screen, type ScreenMaker } from "./studio";

const SECONDS_PER_FACE = 2;
const LAST_SEED = 2 ** 32 - 1;
// The bounds of the papers' style mixing, by the resolution that a style belongs to.
const LEVELS = ["Coarse", "Middle", "Fine"] as const;
type Level = (typeof LEVELS)[number];

/**
 * The resolution whose convolution each style scales first: two styles for each, but for the 4 by 4
 * pixels of StyleGAN2, which has one there.
 */
function styleSizes(model: StyleManifest): number[] {
  const missing = model.kind === "StyleGAN2Generator" ? 1 : 0;
  return Array.from({ length: model.num_styles }, (_, i) =>
    Math.min(model.resolution, 4 * 2 ** Math.floor((i + missing) / 2)),
  );
}

/** As in the papers, and squeezed for pictures below 64 pixels so that all three levels exist. */
function levelOf(size: number, resolution: number): Level {
  if (size <= Math.min(8, resolution / 4)) return "Coarse";
  return size < Math.min(64, resolution) ? "Middle" : "Fine";
}

export const generateScreen: ScreenMaker<Model & StyleManifest> = (model, studio, parameters) => {
  const levels = styleSizes(model).map((size) => levelOf(size, model.resolution));
  const number = (name: string, min: number, max: number, otherwise: number) =>
    numberOf(parameters, name, min, max, otherwise);
  const whole = (name: string, max: number, otherwise: number) =>
    Math.floor(number(name, 0, max, otherwise));
  let seed = whole("seed", LAST_SEED, newSeed());
  let at = number("at", 0, 1, 0);
  let psi = number("psi", 0, 1, model.truncation_psi);
  let noise = whole("noise", 1, 1) === 1;
  let other = whole("other", LAST_SEED, newSeed());
  let mixed = LEVELS.find((level) => level === parameters.get("mix")) ?? null;
  let classIndex = whole("class", model.class_names.length - 1, 0);
  let walking = false;

  const canvas = el("canvas", { class: "picture", role: "img", "aria-label": "Generated face" });
  const thumbnail = el("canvas", { class: "thumbnail", role: "img", "aria-label": "Second face" });
  const jobs = new Latest();
  const thumbnailJobs = new Latest();

  /** Styles of latents, [L, W], truncated. */
  async function stylesOf(run: Run, latents: Float32Array): Promise<Float32Array> {
    const { styles } = await run("map", { latents, labels: [classIndex] });
    const truncated = await run("truncate", { styles: styles!, truncation_psi: [psi] });
    return truncated.styles!;
  }

  const synthesize = (run: Run, styles: Float32Array) =>
    run("synthesize", { styles, noise_scale: [Number(noise)] });

  const draw = () =>
    jobs.run(async () => {
      const pixels = await studio.picture(async (run) => {
        const from = latentsOf(seed, model.latent_dim);
        const to = latentsOf((seed + 1) % (LAST_SEED + 1), model.latent_dim);
        const styles = await stylesOf(run, between(from, to, at));
        if (mixed) {
          const others = await stylesOf(run, latentsOf(other, model.latent_dim));
          levels.forEach((level, i) => {
            const part = [i * model.style_dim, (i + 1) * model.style_dim] as const;
            if (level === mixed) styles.set(others.subarray(...part), part[0]);
          });
        }
        await synthesize(run, styles);
      });
      if (pixels) paint(canvas, pixels);
    });

  const drawThumbnail = () =>
    thumbnailJobs.run(async () => {
      const pixels = await studio.picture(async (run) => {
        await synthesize(run, await stylesOf(run, latentsOf(other, model.latent_dim)));
      });
      if (pixels) paint(thumbnail, pixels);
    });

  async function changed(step = false): Promise<void> {
    seedField.value = String(seed);
    studio.remember(step);
    await draw();
  }

  async function show(next: number): Promise<void> {
    seed = next;
    at = 0;
    await changed(true);
    studio.say(`Face ${seed}`);
  }

  async function walk(): Promise<void> {
    let before = performance.now();
    while (walking) {
      const now = await new Promise<number>(requestAnimationFrame);
      if (!walking) break;
      at += Math.max(0, now - before) / 1000 / SECONDS_PER_FACE;
      before = now;
      if (at >= 1) {
        seed = (seed + 1) % (LAST_SEED + 1);
        at %= 1;
        seedField.value = String(seed);
      }
      await draw();
    }
  }

  const seedField = el("input", {
    type: "number",
    id: "seed",
    inputmode: "numeric",
    min: 0,
    max: LAST_SEED,
    value: seed,
  });
  seedField.addEventListener("change", () => {
    const value = seedField.valueAsNumber;
    if (Number.isInteger(value) && value >= 0 && value <= LAST_SEED) void show(value);
    else {
      studio.say(`A seed is a whole number from 0 to ${LAST_SEED}. Received: ${value}.`);
      seedField.value = String(seed);
    }
  });

  const walkButton = el("button", { type: "button", class: "pill", "aria-pressed": "false" });
  function setWalking(on: boolean): void {
    walking = on;
    walkButton.setAttribute("aria-pressed", String(on));
    walkButton.replaceChildren(icon(on ? "pause" : "play"), on ? "Pause" : "Walk");
  }
  setWalking(false);
  walkButton.addEventListener("click", () => {
    setWalking(!walking);
    if (walking) void walk();
    else studio.remember(false);
  });

  const newFace = el(
    "button",
    {
      type: "button",
      class: "pill primary",
      onclick: () => {
        setWalking(false);
        void show(newSeed());
      },
    },
    icon("face"),
    "New face",
  );
  canvas.addEventListener("click", () => newFace.click());

  const controls = el(
    "div",
    { class: "panel" },
    el("div", { class: "actions" }, newFace, walkButton),
    el(
      "div",
      { class: "card" },
      slider(
        "Truncation",
        { min: 0, max: 1, step: 0.05, value: psi },
        (value) => (value === 0 ? "average face" : `ψ ${value.toFixed(2)}`),
        (value) => {
          psi = value;
          void changed();
          void drawThumbnail();
        },
      ),
      ...(model.class_names.length
        ? [
            choice("Class", model.class_names, classIndex, (index) => {
              classIndex = index;
              void changed();
              void drawThumbnail();
            }),
          ]
        : []),
      toggle("Noise", noise, (on) => {
        noise = on;
        void changed();
        void drawThumbnail();
      }),
    ),
    el(
      "div",
      { class: "card mixing" },
      el(
        "div",
        { class: "beside" },
        thumbnail,
        iconButton("swap", "Another second face", () => {
          other = newSeed();
          void drawThumbnail();
          void changed();
        }),
      ),
      choice(
        "Mix in a second face",
        ["Nothing", ...LEVELS],
        mixed ? LEVELS.indexOf(mixed) + 1 : 0,
        (index) => {
          mixed = LEVELS[index - 1] ?? null;
          void changed();
        },
      ),
    ),
    el(
      "div",
      { class: "card line" },
      el("label", { for: "seed" }, "Seed"),
      seedField,
    ),
  );

  const screen: Screen = {
    stage: el("div", { class: "frame" }, canvas),
    controls,
    shared: () => ({ canvas, name: `face-${seed}` }),
    parameters: () => ({
      seed: String(seed),
      ...(at ? { at: at.toFixed(3) } : {}),
      psi: String(psi),
      noise: String(Number(noise)),
      ...(mixed ? { mix: mixed, other: String(other) } : {}),
      ...(model.class_names.length ? { class: String(classIndex) } : {}),
    }),
    refresh: async () => {
      await draw();
      void drawThumbnail();
    },
    leave: () => setWalking(false),
  };
  return screen;
};
