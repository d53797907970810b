/** The screen of models that know domains: a style is drawn, or taken from a reference. */

import { choice, el, icon, words } from "./dom";
import type { DomainManifest, Model } from "./manifest";
import { latentsOf, newSeed } from "./random";
import { openSample, sourcePicker, type Chosen } from "./sources";
import { numberOf, type ScreenMaker } from "./studio";
import { pictureOf, translationScreen } from "./translate";

const STYLES = ["Random style", "Reference"];

export const domainsScreen: ScreenMaker<Model & DomainManifest> = (model, studio, parameters) =>
  translationScreen(model, studio, parameters, (changed) => {
    const domains = model.domain_names;
    let domain = Math.floor(numberOf(parameters, "domain", 0, domains.length - 1, 0));
    let seed = Math.floor(numberOf(parameters, "seed", 0, 2 ** 32 - 1, newSeed()));
    let reference: Chosen | null = null;
    let byReference = parameters.has("reference");

    const domainChoice = choice("Domain", domains.map(words), domain, (index) => {
      domain = index;
      changed(true);
    });

    const random = el(
      "div",
      { class: "actions" },
      el(
        "button",
        {
          type: "button",
          class: "pill primary",
          onclick: () => {
            seed = newSeed();
            changed(true);
          },
        },
        icon("face"),
        "New style",
      ),
    );

    function take(chosen: Chosen): void {
      reference = chosen;
      picker.mark(chosen.sample);
      // A reference shows the style of its own domain, where that is known.
      const shown = domains.findIndex((name) => chosen.labels?.includes(name));
      if (shown >= 0) {
        domain = shown;
        domainChoice.querySelectorAll("input")[shown]!.checked = true;
      }
      changed(true);
    }
    const picker = sourcePicker("Reference picture", studio.samples, studio.say, take);

    async function useReference(index: number): Promise<void> {
      const chosen = reference ? null : await openSample(studio.samples, index, studio.say);
      if (chosen) take(chosen);
    }

    function showStyles(): void {
      random.hidden = byReference;
      picker.element.hidden = !byReference;
    }
    showStyles();
    const last = studio.samples.length - 1;
    // Where the link was made with a photo, the photo is not in it.
    if (byReference) void useReference(Math.floor(numberOf(parameters, "reference", 0, last, 0)));

    return {
      controls: [
        el(
          "div",
          { class: "card" },
          domainChoice,
          choice("Style", STYLES, Number(byReference), (index) => {
            byReference = index === 1;
            showStyles();
            if (byReference && !reference) void useReference(Math.min(1, last));
            else changed(true);
          }),
          el("div", { class: "either" }, random, picker.element),
        ),
      ],
      see: async () => {},
      translate: async (run, picture) => {
        const labels = [domain];
        const { styles } =
          byReference && reference
            ? await run("style_from_reference", {
                images: pictureOf(reference, model).values,
                labels,
              })
            : await run("style_from_latent", {
                latents: latentsOf(seed, model.latent_dim),
                labels,
              });
        await run("translate", { images: picture.values, styles: styles! });
      },
      parameters: () => ({
        domain: String(domain),
        ...(byReference
          ? { reference: String(reference?.sample ?? "") }
          : { seed: String(seed) }),
      }),
    };
  });
