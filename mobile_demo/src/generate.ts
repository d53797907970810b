/** The screen of models that draw faces from seeds. */

import { choice, el, icon, iconButton, slider, toggle } from "./dom";
import type { Run } from "./engine";
import { Latest } from "./latest";
import type { Model, Panel, SeedManifest } from "./manifest";
import { paint } from "./pictures";
import { between, latentsOf, newSeed } from "./random";
import { numberOf, type Screen, type ScreenMaker } from "./studio";

const SECONDS_PER_FACE = 2;
const LAST_SEED = 2 ** 32 - 1;

export const generateScreen: ScreenMaker<Model & SeedManifest> = (model, studio, parameters) => {
  const has = (panel: Panel) => model.panels.includes(panel);
  const levels = has("mixing") ? Object.keys(model.style_levels) : [];
  const number = (name: string, min: number, max: number, otherwise: number) =>
    numberOf(parameters, name, min, max, otherwise);
  const whole = (name: string, max: number, otherwise: number) =>
    Math.floor(number(name, 0, max, otherwise));
  let seed = whole("seed", LAST_SEED, newSeed());
  let at = number("at", 0, 1, 0);
  let psi = has("truncation") ? number("psi", 0, 1, model.truncation_psi) : 1;
  let noise = whole("noise", 1, 1) === 1;
  let other = whole("other", LAST_SEED, newSeed());
  let mixed = levels.find((level) => level === parameters.get("mix")) ?? null;
  let classIndex = has("classes") ? whole("class", model.class_names.length - 1, 0) : 0;
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
          for (const layer of model.style_levels[mixed]!) {
            const part = [layer * model.style_dim, (layer + 1) * model.style_dim] as const;
            styles.set(others.subarray(...part), part[0]);
          }
        }
        await synthesize(run, styles);
      });
      if (pixels) paint(canvas, pixels);
    });

  const drawThumbnail = () =>
    thumbnailJobs.run(async () => {
      if (!has("mixing")) return;
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

  const mixing = el(
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
      ["Nothing", ...levels],
      mixed ? levels.indexOf(mixed) + 1 : 0,
      (index) => {
        mixed = levels[index - 1] ?? null;
        void changed();
      },
    ),
  );

  const controls = el(
    "div",
    { class: "panel" },
    el("div", { class: "actions" }, newFace, walkButton),
    el(
      "div",
      { class: "card" },
      ...(has("truncation")
        ? [
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
          ]
        : []),
      ...(has("classes")
        ? [
            choice("Class", model.class_names, classIndex, (index) => {
              classIndex = index;
              void changed();
              void drawThumbnail();
            }),
          ]
        : []),
      ...(has("noise")
        ? [
            toggle("Noise", noise, (on) => {
              noise = on;
              void changed();
              void drawThumbnail();
            }),
          ]
        : []),
    ),
    ...(has("mixing") ? [mixing] : []),
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
      ...(has("truncation") ? { psi: String(psi) } : {}),
      ...(has("noise") ? { noise: String(Number(noise)) } : {}),
      ...(mixed ? { mix: mixed, other: String(other) } : {}),
      ...(has("classes") ? { class: String(classIndex) } : {}),
    }),
    refresh: async () => {
      await draw();
      void drawThumbnail();
    },
    leave: () => setWalking(false),
  };
  return screen;
};
