/** The sheet where model, form and accelerator are chosen, and what they cost is shown. */

import { el, iconButton, words } from "./dom";
import { type Backend, type Engine, missing } from "./engine";
import { megabytes, type Catalogue, type Form, type Model } from "./manifest";

/** What was chosen; without a backend the best one is. */
export interface Choice {
  model: Model;
  form: Form;
  backend: Backend | null;
}

function card(
  group: string,
  title: string,
  about: string,
  chosen: boolean,
  onchoose: () => void,
  warning = "",
): HTMLElement {
  return el(
    "label",
    { class: "option" },
    el("input", { type: "radio", name: group, checked: chosen, onchange: onchoose }),
    el(
      "span",
      {},
      el("strong", {}, title),
      el("small", {}, about),
      ...(warning ? [el("small", { class: "warning" }, warning)] : []),
    ),
  );
}

function group(title: string, ...cards: HTMLElement[]): HTMLElement {
  return el("fieldset", {}, el("legend", {}, title), ...cards);
}

/** The form to begin with. */
export function preferredForm(model: Model): Form {
  return model.forms.find(({ form }) => form === model.recommended) ?? model.forms[0]!;
}

function facts(engine: Engine): HTMLElement {
  const { form, accelerator, loadMs } = engine.opened;
  const ms = engine.msPerPicture;
  const rows: [string, string][] = [
    ["Runs on", accelerator],
    ["Size", megabytes(form.bytes)],
    ["Loaded in", `${Math.round(loadMs)} ms`],
    ["One picture", ms === null ? "–" : `${ms.toFixed(1)} ms`],
  ];
  return el(
    "dl",
    { class: "facts" },
    ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

/**
 * Opens the sheet.
 *
 * @param current What is chosen.
 * @param engine What runs, if anything does.
 * @param offline Whether the app would work without a network.
 * @param onchoose Is told of each choice; the sheet stays open.
 * @returns What draws the sheet anew, for when something was loaded meanwhile.
 */
export function openSheet(
  catalogue: Catalogue,
  backends: Backend[],
  state: () => { current: Choice; engine: Engine | null; offline: boolean },
  onchoose: (choice: Choice) => void,
  onclose: () => void,
): () => void {
  const body = el("div", { class: "sheet-body" });
  const dialog = el(
    "dialog",
    { class: "sheet", "aria-labelledby": "sheet-title" },
    el(
      "div",
      { class: "sheet-head" },
      el("h2", { id: "sheet-title" }, "Model"),
      iconButton("close", "Close", () => dialog.close()),
    ),
    body,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    onclose();
  });
  // A tap beside the sheet closes it.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });

  function draw(): void {
    const { current, engine, offline } = state();
    const focused = document.activeElement?.closest("label")?.textContent;
    body.replaceChildren(
      group(
        "Models",
        ...catalogue.models.map((model) =>
          card(
            "model",
            words(model.name),
            `${model.system}, ${model.resolution} × ${model.resolution}`,
            model.folder === current.model.folder,
            () => onchoose({ model, form: preferredForm(model), backend: current.backend }),
          ),
        ),
      ),
      group(
        "Form",
        ...current.model.forms.map((form) =>
          card(
            "form",
            form.form,
            `${megabytes(form.bytes)}` +
              (form.psnr_db === null ? "" : `, ${form.psnr_db.toFixed(0)} dB from the original`) +
              (form.form === current.model.recommended ? ", recommended" : ""),
            form.form === current.form.form,
            () => onchoose({ ...current, form }),
            form.status === "poor" ? "Looks different from the original." : "",
          ),
        ),
      ),
      group(
        "Runs on",
        card("backend", "Automatic", "The best that works", current.backend === null, () =>
          onchoose({ ...current, backend: null }),
        ),
        ...backends.map((backend) =>
          card("backend", backend.name, "", current.backend?.name === backend.name, () =>
            onchoose({ ...current, backend }),
          ),
        ),
        el("p", { class: "note" }, missing(backends)),
      ),
      ...(engine ? [el("h3", {}, "Measured on this device"), facts(engine)] : []),
      el(
        "p",
        { class: "note" },
        "Pictures never leave this device. " +
          (offline
            ? "The app and the models that you have opened work without a network."
            : "This address does not allow the app to be kept for use without a network."),
      ),
      ...catalogue.problems.map((problem) => el("p", { class: "note warning" }, problem)),
      el(
        "p",
        { class: "note" },
        el("a", { href: "THIRD_PARTY_NOTICES.txt" }, "Licences of what this app contains"),
      ),
    );
    // Drawn anew, the choice that had the focus keeps it.
    for (const label of body.querySelectorAll("label")) {
      if (label.textContent === focused) label.querySelector("input")!.focus();
    }
  }

  draw();
  document.body.append(dialog);
  dialog.showModal();
  return draw;
}
