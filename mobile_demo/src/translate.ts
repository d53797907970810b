/** What the screens of translations share: the picture that is translated. */

import { Comparison } from "./compare";
import { el } from "./dom";
import type { Run } from "./engine";
import { Latest } from "./latest";
import type { Model } from "./manifest";
import { cropSquare, enlarge, paint, type Picture } from "./pictures";
import { type Chosen, openSample, sourcePicker } from "./sources";
import { numberOf, type Screen, type Studio } from "./studio";

/** What they do differently. */
export interface Part {
  controls: HTMLElement[];
  /** Learns of a new picture, before it is translated. */
  see(picture: Picture, labels: string[] | null): Promise<void>;
  translate(run: Run, picture: Picture): Promise<unknown>;
  parameters(): Record<string, string>;
}

/** The picture of a chosen source, at the resolution of a model. */
export function pictureOf({ shot }: Chosen, model: Model): Picture {
  return cropSquare(shot.image, shot.width, shot.height, model.resolution, model.value_range);
}

// So that a photo stays when another model is chosen.
let lastChosen: Chosen | null = null;

/**
 * A screen around the part that differs.
 *
 * @param makePart Is given what the part calls when something to translate to has changed.
 */
export function translationScreen(
  model: Model,
  studio: Studio,
  parameters: URLSearchParams,
  makePart: (changed: (step?: boolean) => void) => Part,
): Screen {
  const comparison = new Comparison();
  const jobs = new Latest();
  let picture: Picture | null = null;
  const part = makePart((step = false) => {
    studio.remember(step);
    void draw();
  });

  async function draw(): Promise<void> {
    await jobs.run(async () => {
      if (!picture) return;
      const source = picture;
      const pixels = await studio.picture((run) => part.translate(run, source));
      if (pixels) paint(comparison.after, pixels);
    });
  }

  async function choose(chosen: Chosen): Promise<void> {
    lastChosen = chosen;
    picker.mark(chosen.sample);
    const source = pictureOf(chosen, model);
    paint(comparison.before, enlarge(source.values, source.size, model.value_range));
    picture = source;
    await part.see(source, chosen.labels);
    studio.remember(false);
    await draw();
  }

  const picker = sourcePicker("Picture to translate", studio.samples, studio.say, (chosen) => {
    void choose(chosen);
  });

  return {
    stage: comparison.element,
    controls: el("div", { class: "panel" }, picker.element, ...part.controls),
    shared: () => ({ canvas: comparison.after, name: "translation" }),
    parameters: () => ({
      ...(lastChosen?.sample != null ? { sample: String(lastChosen.sample) } : {}),
      ...part.parameters(),
    }),
    refresh: async () => {
      if (picture) return draw();
      const last = studio.samples.length - 1;
      const linked = Math.floor(numberOf(parameters, "sample", 0, last, -1));
      const index = linked >= 0 ? linked : 0;
      const again = lastChosen && (linked < 0 || lastChosen.sample === linked);
      const chosen = again ? lastChosen : await openSample(studio.samples, index, studio.say);
      if (chosen) await choose(chosen);
    },
    leave: () => {},
  };
}
