/** Elements, and the controls that all screens share. */

type Child = Node | string;
type Properties = Record<string, unknown>;

/** Makes an element; names that begin with `on` are listeners, the others attributes. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children);
  return element;
}

// Strokes on a grid of 24 by 24.
const ICONS = {
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 17a4 4 0 1 0 0-8 4 4 0 0 0 0 8",
  close: "M6 6l12 12M18 6L6 18",
  face: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8.5 10v.5M15.5 10v.5M8 14.5c2 2.5 6 2.5 8 0",
  flip: "M5 11a7 7 0 0 1 12-4l2 2M19 4v5h-5M19 13a7 7 0 0 1-12 4l-2-2M5 20v-5h5",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  pause: "M9 6v12M15 6v12",
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9v.1",
  play: "M8 5l11 7-11 7z",
  share: "M12 15V3M8 7l4-4 4 4M5 12v8h14v-8",
  sliders: "M4 8h9M17 8h3M15 6v4M4 16h3M11 16h9M9 14v4",
  swap: "M7 4L3 8l4 4M3 8h13M17 12l4 4-4 4M21 16H8",
} as const;

/** A drawing beside words, or within a button that has a label. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A round button with a drawing. */
export function iconButton(
  name: keyof typeof ICONS,
  label: string,
  onclick: () => void,
): HTMLButtonElement {
  return el(
    "button",
    { type: "button", class: "round", "aria-label": label, title: label, onclick },
    icon(name),
  );
}

let count = 0;
const unique = (prefix: string) => `${prefix}-${count++}`;

/** A slider with its name and value above it. */
export function slider(
  label: string,
  range: { min: number; max: number; step: number; value: number },
  say: (value: number) => string,
  oninput: (value: number) => void,
): HTMLElement {
  const id = unique("slider");
  const shown = el("output", { for: id }, say(range.value));
  const input = el("input", { type: "range", id, ...range, "aria-valuetext": say(range.value) });
  input.addEventListener("input", () => {
    shown.textContent = say(input.valueAsNumber);
    input.setAttribute("aria-valuetext", say(input.valueAsNumber));
    oninput(input.valueAsNumber);
  });
  return el(
    "div",
    { class: "field" },
    el("div", { class: "line" }, el("label", { for: id }, label), shown),
    input,
  );
}

/** One choice of several, side by side. */
export function choice(
  label: string,
  names: readonly string[],
  chosen: number,
  onchoose: (index: number) => void,
): HTMLFieldSetElement {
  const group = unique("choice");
  return el(
    "fieldset",
    { class: "choice" },
    el("legend", {}, label),
    el(
      "div",
      { class: "segments" },
      ...names.map((name, index) => {
        const id = `${group}-${index}`;
        const input = el("input", {
          type: "radio",
          name: group,
          id,
          checked: index === chosen,
          onchange: () => onchoose(index),
        });
        return el("label", { for: id }, input, el("span", {}, name));
      }),
    ),
  );
}

/** A switch with words before it. */
export function toggle(
  label: string,
  on: boolean,
  onchange: (on: boolean) => void,
): HTMLLabelElement {
  const input = el("input", { type: "checkbox", role: "switch", checked: on });
  input.addEventListener("change", () => onchange(input.checked));
  return el("label", { class: "toggle" }, el("span", {}, label), input);
}

/** Words with spaces, as people write them. */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}
