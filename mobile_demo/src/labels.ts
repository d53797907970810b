/** The label vectors that a StarGAN is told (tfgan/label_sets.py). */

import type { LabelManifest, LabelSet } from "./manifest";

/** The labels that cannot be true where `name` is. */
export function rivals(set: LabelSet, name: string): string[] {
  const groups = set.kind === "classes" ? [set.names] : set.exclusive;
  return groups.filter((group) => group.includes(name)).flat().filter((other) => other !== name);
}

/** The labels that are true after one was switched; a class cannot be switched off. */
export function switched(set: LabelSet, on: ReadonlySet<string>, name: string): Set<string> {
  const next = new Set(on);
  if (next.has(name)) {
    if (set.kind === "attributes") next.delete(name);
    return next;
  }
  for (const rival of rivals(set, name)) next.delete(rival);
  return next.add(name);
}

/**
 * A label vector, float32 [C]: the labels of one set, zeros for the others, and the mask.
 *
 * @param manifest Of the model.
 * @param set Whose labels are requested.
 * @param pictureLabels What is true of the picture.
 * @param requested What the translation should show.
 * @param strength 0 leaves the picture's labels, 1 gives the requested ones, more goes beyond.
 */
export function encodeLabels(
  manifest: LabelManifest,
  set: LabelSet,
  pictureLabels: ReadonlySet<string>,
  requested: ReadonlySet<string>,
  strength: number,
): Float32Array {
  const vector = new Float32Array(manifest.label_width);
  set.names.forEach((name, i) => {
    const from = Number(pictureLabels.has(name));
    vector[set.first + i] = from + strength * (Number(requested.has(name)) - from);
  });
  if (set.mask !== null) vector[set.mask] = 1;
  return vector;
}
