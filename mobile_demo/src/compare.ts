/** Two pictures in one frame, with a line between them that can be moved. */

import { el } from "./dom";

/** Before is left of the line, after right of it. */
export class Comparison {
  readonly before = el("canvas", { class: "picture", role: "img", "aria-label": "Before" });
  readonly after = el("canvas", { class: "picture after", role: "img", "aria-label": "After" });
  private line = el("input", {
    type: "range",
    class: "split",
    min: 0,
    max: 100,
    value: 50,
    "aria-label": "Before and after",
  });
  readonly element = el(
    "div",
    { class: "frame comparison" },
    this.before,
    this.after,
    el("span", { class: "tag left", "aria-hidden": "true" }, "Before"),
    el("span", { class: "tag right", "aria-hidden": "true" }, "After"),
    el("div", { class: "divider", "aria-hidden": "true" }),
    this.line,
  );

  constructor() {
    this.line.addEventListener("input", () => this.show());
    // A finger moves the line from wherever it lands; the slider itself is for the keyboard.
    const follow = (event: PointerEvent) => {
      const { left, width } = this.element.getBoundingClientRect();
      this.line.value = String(Math.round(((event.clientX - left) / width) * 100));
      this.show();
    };
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      follow(event);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (this.element.hasPointerCapture(event.pointerId)) follow(event);
    });
    this.show();
  }

  private show(): void {
    this.element.style.setProperty("--split", `${this.line.value}%`);
    this.line.setAttribute("aria-valuetext", `${this.line.value} % before`);
  }
}
