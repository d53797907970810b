/** The screen of models that are told labels, which are switched on and off. */

import { choice, el, slider, words } from "./dom";
import { encodeLabels, rivals, switched } from "./labels";
import type { LabelManifest, LabelSet, Model } from "./manifest";
import type { Picture } from "./pictures";
import { numberOf, type ScreenMaker } from "./studio";
import { translationScreen } from "./translate";

/** Groups of labels of which one at most is true; a label that excludes no other is a group. */
function groupsOf(set: LabelSet): string[][] {
  const done = new Set<string>();
  return set.names.flatMap((name) => {
    if (done.has(name)) return [];
    const group = [name, ...rivals(set, name)];
    for (const member of group) done.add(member);
    return [group];
  });
}

export const attributesScreen: ScreenMaker<Model & LabelManifest> = (model, studio, parameters) =>
  translationScreen(model, studio, parameters, (changed) => {
    const sets = model.label_sets;
    let set = sets[Math.floor(numberOf(parameters, "set", 0, sets.length - 1, 0))]!;
    let strength = numberOf(parameters, "strength", 0, 1.5, 1);
    let pictureLabels: Set<string> = new Set();
    // A link says what is requested; else a new picture starts with what is true of it.
    let linkedLabels = parameters.get("labels")?.split(",").filter(Boolean) ?? null;
    let requested: Set<string> = new Set();
    let seen: { picture: Picture; labels: string[] | null } | null = null;
    let reading = 0;

    const labels = el("div", { class: "switches", role: "group", "aria-label": "Labels" });

    function list(): void {
      labels.replaceChildren(
        ...set.names.map((name) =>
          el(
            "button",
            {
              type: "button",
              role: "switch",
              class: "switch",
              "aria-checked": String(requested.has(name)),
              "data-name": name,
              onclick: () => {
                requested = switched(set, requested, name);
                check();
                changed(true);
              },
            },
            words(name),
          ),
        ),
      );
    }

    function check(): void {
      for (const button of labels.children) {
        const on = requested.has((button as HTMLElement).dataset.name!);
        button.setAttribute("aria-checked", String(on));
      }
    }

    /**
     * Reads labels from a picture: those with which the translation changes it least, as
     * `python -m tfgan.generate` does. From no label at all, each group in turn takes the label, or
     * none, that changes the picture less, until nothing does.
     */
    async function readLabels(picture: Picture, stale: () => boolean): Promise<Set<string>> {
      let best = new Set<string>();
      let least = Infinity;
      const tries: [string[], string | null][] = groupsOf(set).flatMap((group) => [
        ...(set.kind === "classes" ? [] : [[group, null] as [string[], null]]),
        ...group.map((name): [string[], string] => [group, name]),
      ]);
      for (let moved = true; moved && !stale(); ) {
        moved = false;
        for (const [group, name] of tries) {
          const tried = new Set([...best].filter((other) => !group.includes(other)));
          if (name) tried.add(name);
          const same = tried.size === best.size && [...tried].every((label) => best.has(label));
          if ((same && least < Infinity) || stale()) continue;
          const { images } = await studio.numbers("translate", {
            images: picture.values,
            labels: encodeLabels(model, set, tried, tried, 1),
          });
          let change = 0;
          images!.forEach((value, i) => (change += Math.abs(value - picture.values[i]!)));
          if (change < least) [best, least, moved] = [tried, change, true];
        }
      }
      return best;
    }

    async function learn(): Promise<void> {
      if (!seen) return;
      const { picture, labels: known } = seen;
      const turn = ++reading;
      if (known) pictureLabels = new Set(set.names.filter((name) => known.includes(name)));
      else {
        studio.say("Reading the labels from the picture.");
        const read = await readLabels(picture, () => turn !== reading);
        if (turn !== reading) return;
        pictureLabels = read;
        const names = [...pictureLabels].map(words).join(", ") || "no label";
        studio.say(`Read from the picture: ${names}.`);
      }
      requested = new Set(
        linkedLabels ? set.names.filter((name) => linkedLabels!.includes(name)) : pictureLabels,
      );
      linkedLabels = null;
      check();
    }

    list();
    return {
      controls: [
        ...(sets.length > 1
          ? [
              choice(
                "Labels of",
                sets.map(({ name }) => words(name)),
                sets.indexOf(set),
                async (index) => {
                  set = sets[index]!;
                  pictureLabels = requested = new Set();
                  list();
                  await learn();
                  changed(true);
                },
              ),
            ]
          : []),
        el(
          "div",
          { class: "card" },
          labels,
          slider(
            "Strength",
            { min: 0, max: 1.5, step: 0.05, value: strength },
            (value) => `${Math.round(100 * value)} %`,
            (value) => {
              strength = value;
              changed();
            },
          ),
        ),
      ],
      see: async (picture, known) => {
        seen = { picture, labels: known };
        await learn();
      },
      translate: (run, picture) =>
        run("translate", {
          images: picture.values,
          labels: encodeLabels(model, set, pictureLabels, requested, strength),
        }),
      parameters: () => ({
        ...(sets.length > 1 ? { set: String(sets.indexOf(set)) } : {}),
        labels: [...requested].join(","),
        strength: String(strength),
      }),
    };
  });
