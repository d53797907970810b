/** The app: one model at a time, its screen, and what is said while it loads. */

// In this order: later rules win.
import "./style.css";
import "./controls.css";
import "./pictures.css";
import "./dialogs.css";
import "./screens.css";
import { attributesScreen } from "./attributes";
import { domainsScreen } from "./domains";
import { DownloadError } from "./downloads";
import { el, icon, iconButton, words } from "./dom";
import { type Backend, DeviceError, Engine, findBackends } from "./engine";
import { generateScreen } from "./generate";
import { type Form, type Model, type Panel, readCatalogue, type Task, taskOf } from "./manifest";
import { workOffline } from "./offline";
import { copyLink, sharePicture } from "./share";
import { type Choice, openSheet, preferredForm } from "./sheet";
import type { Screen, ScreenMaker, Studio } from "./studio";

// By the first panel of a model, whose manifest then holds what the maker reads.
const SCREENS: Partial<Record<Panel, ScreenMaker<never>>> = {
  seeds: generateScreen,
  labels: attributesScreen,
  domains: domainsScreen,
};
const SILENT_RUNS = 4;

const title = el("h1", {}, "tfgan");
const status = el("p", { class: "toast", role: "status", "aria-live": "polite" });
const stage = el("section", { class: "stage", "aria-label": "Picture" });
const controls = el("section", { class: "controls", "aria-label": "Controls" });
const cost = el("button", { type: "button", class: "cost" }, "…");
const veil = el("div", { class: "veil", hidden: true });
const notice = el("div", { class: "notice", role: "alert" });
const tabs = el("nav", { class: "tabs", "aria-label": "What to do" });

let sayUntil = 0;
function say(message: string): void {
  status.textContent = message;
  clearTimeout(sayUntil);
  if (message) sayUntil = window.setTimeout(() => (status.textContent = ""), 4000);
}

function warn(message: string, retry?: () => void): void {
  notice.replaceChildren(
    el("p", {}, message),
    el(
      "div",
      { class: "actions" },
      ...(retry
        ? [
            el(
              "button",
              {
                type: "button",
                class: "pill primary",
                onclick: () => {
                  notice.replaceChildren();
                  retry();
                },
              },
              "Try again",
            ),
          ]
        : []),
      el(
        "button",
        { type: "button", class: "pill", onclick: () => notice.replaceChildren() },
        "Close",
      ),
    ),
  );
}

document.body.append(
  el(
    "header",
    {},
    title,
    el(
      "div",
      { class: "buttons" },
      iconButton("link", "Copy a link to this", async () => say(await copyLink())),
      iconButton("share", "Save or share the picture", async () => {
        if (!screen) return;
        const { canvas, name } = screen.shared();
        say(await sharePicture(canvas, name));
      }),
    ),
  ),
  el(
    "main",
    {},
    el("div", { class: "show" }, el("div", { class: "easel" }, stage, veil), cost, notice),
    controls,
  ),
  tabs,
  status,
);

let screen: Screen | null = null;
let engine: Engine | null = null;
let current: Choice;
let offline = false;
let redrawSheet: (() => void) | null = null;
// Counts choices, so that a slow download cannot replace a newer choice.
let requests = 0;

function parametersOf(hash: string): URLSearchParams {
  return new URLSearchParams(hash.slice(1));
}

function remember(step: boolean): void {
  if (!screen) return;
  const hash = new URLSearchParams({ model: current.model.name, ...screen.parameters() });
  const url = `#${hash}`;
  if (url === location.hash) return;
  if (step) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}

function showCost(): void {
  if (!engine) return;
  const { accelerator, form } = engine.opened;
  const ms = engine.msPerPicture;
  const measured = ms === null ? "" : ` · ${ms.toFixed(1)} ms`;
  cost.replaceChildren(
    icon("sliders"),
    el("span", {}, `${form.form} · ${accelerator}${measured}`),
  );
  redrawSheet?.();
}

const [catalogue, backends] = await Promise.all([
  readCatalogue().catch(() => null),
  findBackends(),
]);
let usable: Backend[] = backends;

const studio: Studio = {
  samples: catalogue?.samples ?? [],
  remember,
  say,
  numbers: (signature, numbers) => engine!.numbers(signature, numbers),
  async picture(job) {
    const running = engine;
    if (!running) return null;
    try {
      const pixels = await running.picture(job);
      showCost();
      return running === engine ? pixels : null;
    } catch (error) {
      if (running !== engine) return null;
      // A graphics driver may give up at any time: without this way the app goes on.
      usable = usable.filter((backend) => backend !== running.opened.backend);
      engine = null;
      running.close();
      warn(`${running.opened.accelerator} stopped: ${(error as Error).message}`);
      if (usable.length) void load({ ...current, backend: null });
      return null;
    }
  },
};

/** Forms to try: the one asked for, then the others that look right, smallest first. */
function formsFrom(model: Model, first: Form): Form[] {
  const others = model.forms.filter((form) => form !== first && form.status !== "poor");
  return [first, ...others.toSorted((a, b) => a.bytes - b.bytes)];
}

/** Loads a form, or the next one that this device can run; what ran before runs until then. */
async function load(choice: Choice): Promise<void> {
  const turn = ++requests;
  const before = current;
  current = choice;
  veil.hidden = false;
  const progress = (share: number) => {
    if (turn === requests) veil.style.setProperty("--share", String(share));
  };
  progress(0);
  let opened: Engine | null = null;
  for (const form of formsFrom(choice.model, choice.form)) {
    const ways = new Set([...(choice.backend ? [choice.backend] : []), ...usable]);
    try {
      opened = await Engine.open(choice.model, form, [...ways], progress);
      break;
    } catch (error) {
      if (turn !== requests) return;
      if (error instanceof DownloadError) {
        warn(error.message, () => void load(choice));
        break;
      }
      if (!(error instanceof DeviceError)) throw error;
      warn(error.message);
    }
  }
  if (turn !== requests) return opened?.close();
  veil.hidden = true;
  if (!opened) {
    // What still runs stays in use.
    if (engine) current = before;
    showCost();
    return;
  }
  engine?.close();
  engine = opened;
  current = { ...choice, form: opened.opened.form };
  await screen!.refresh();
  showCost();
}

/** Shows a model: its screen at once, its pictures as soon as it is loaded. */
async function show(choice: Choice, parameters: URLSearchParams): Promise<void> {
  stage.ariaBusy = "true";
  screen?.leave();
  const { model } = choice;
  const shown = SCREENS[model.panels[0]!]!(model as never, studio, parameters);
  screen = shown;
  title.textContent = model.system;
  document.title = `${model.system} · ${words(model.name)}`;
  stage.replaceChildren(shown.stage);
  controls.replaceChildren(shown.controls);
  if (engine?.opened.model === model) await shown.refresh();
  else {
    engine?.close();
    engine = null;
    current = choice;
    showTabs();
    await load(choice);
  }
  remember(false);
  // Unless another model was asked for meanwhile.
  if (screen === shown) stage.ariaBusy = "false";
}

function firstOf(task: Task): Model | undefined {
  return catalogue!.models.find((model) => taskOf(model) === task);
}

function showTabs(): void {
  const tab = (task: Task) =>
    el(
      "button",
      {
        type: "button",
        "aria-current": taskOf(current.model) === task ? "page" : undefined,
        disabled: !firstOf(task),
        onclick: () => {
          const model = firstOf(task)!;
          if (taskOf(current.model) === task) return;
          void show({ model, form: preferredForm(model), backend: null }, new URLSearchParams());
        },
      },
      icon(task === "Generate" ? "face" : "swap"),
      task,
    );
  tabs.replaceChildren(
    tab("Generate"),
    tab("Translate"),
    el("button", { type: "button", onclick: chooseModel }, icon("sliders"), "Model"),
  );
}

function chooseModel(): void {
  redrawSheet = openSheet(
    catalogue!,
    backends,
    () => ({ current, engine, offline }),
    (choice) => {
      const other = choice.model !== current.model;
      void (other ? show(choice, new URLSearchParams()) : load(choice));
    },
    () => (redrawSheet = null),
  );
}
cost.addEventListener("click", chooseModel);

/** Opens what a link asks for, or the first model. */
async function follow(parameters: URLSearchParams): Promise<void> {
  const named = catalogue!.models.find(({ name }) => name === parameters.get("model"));
  if (parameters.has("model") && !named) {
    warn(`This site has no model called ${parameters.get("model")}. Another one is shown.`);
  }
  const model = named ?? catalogue!.models[0]!;
  await show({ model, form: preferredForm(model), backend: null }, parameters);
}

addEventListener("popstate", () => {
  void follow(parametersOf(location.hash));
});

/** What must be kept so that all that was used works offline; models are kept already. */
function usedFiles(): string[] {
  return [
    ...performance.getEntriesByType("resource").map(({ name }) => name),
    ...catalogue!.samples.map(({ path }) => new URL(path, document.baseURI).href),
    ...(engine?.opened.files ?? []),
  ].filter((name) => name.startsWith(location.origin) && !name.includes(".tflite"));
}

if (!catalogue?.models.length) {
  warn(
    catalogue
      ? `This site has no model that can be shown. ${catalogue.problems.join(" ")}`
      : "The list of models could not be read. Is the computer that serves this page still on?",
    () => location.reload(),
  );
} else {
  for (const problem of catalogue.problems) warn(`A model is left out. ${problem}`);
  await follow(parametersOf(location.hash));
  for (let i = 0; i < SILENT_RUNS && engine; i++) await screen!.refresh();
  offline = await workOffline(usedFiles());
  showCost();
}
