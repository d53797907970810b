/** What an export folder says of its model, and the list of models that this site has. */

export interface Form {
  form: string;
  path: string;
  bytes: number;
  sha256: string;
  psnr_db: number | null;
  /** "good", "poor" where it looks different, or "failed" where there is no file. */
  status: string;
}

/** An input or output; the first axis of most is the batch, null in a manifest and 1 in a file. */
interface Spec {
  shape: (number | null)[];
  dtype: string;
}

interface Shared {
  manifest_version: number;
  name: string;
  /** What people call the system. */
  system: string;
  /** What users can choose; the first says which screen it is. */
  panels: Panel[];
  resolution: number;
  value_range: [number, number];
  signatures: Record<string, { inputs: Record<string, Spec>; in_tflite: boolean }>;
  forms: Form[];
  recommended: string | null;
}

export interface SeedManifest extends Shared {
  latent_dim: number;
  style_dim: number;
  class_names: string[];
  truncation_psi: number;
  /** Layers of the styles that are mixed together, by the name of their level. */
  style_levels: Record<string, number[]>;
}

export interface DomainManifest extends Shared {
  domain_names: string[];
  latent_dim: number;
}

export interface LabelSet {
  name: string;
  kind: "attributes" | "classes";
  names: string[];
  exclusive: string[][];
  first: number;
  mask: number | null;
}

export interface LabelManifest extends Shared {
  label_width: number;
  label_sets: LabelSet[];
}

export type Manifest = SeedManifest | DomainManifest | LabelManifest;
export type Task = "Generate" | "Translate";

/** What the app can let users choose: the task that it belongs to, and what it needs to know. */
export const PANELS = {
  seeds: { task: "Generate", fields: ["latent_dim"] },
  truncation: { task: "Generate", fields: ["truncation_psi"] },
  classes: { task: "Generate", fields: ["class_names"] },
  noise: { task: "Generate", fields: [] },
  mixing: { task: "Generate", fields: ["style_levels", "style_dim"] },
  labels: { task: "Translate", fields: ["label_width", "label_sets"] },
  domains: { task: "Translate", fields: ["domain_names", "latent_dim"] },
} satisfies Record<string, { task: Task; fields: string[] }>;
export type Panel = keyof typeof PANELS;

/** What the app reads of every manifest. */
const SHARED: (keyof Shared)[] = [
  "name",
  "system",
  "panels",
  "resolution",
  "value_range",
  "signatures",
  "forms",
];

/** The tab that a model stands under. */
export function taskOf(model: Model): Task {
  return PANELS[model.panels[0]!].task;
}

/** A model of this site; `folder` is where its files are, and its name is that of the folder. */
export type Model = Manifest & { folder: string };

/** A picture to try, and the labels that are true of it. */
export interface Sample {
  path: string;
  labels: string[];
}

export interface Catalogue {
  models: Model[];
  samples: Sample[];
  /** Why some folders are left out. */
  problems: string[];
}

/** What a file may be called, so that no address leads out of the folder of its model. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.tflite$/;

async function readJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} is not there (${response.status})`);
  return response.json().catch(() => {
    throw new Error(`${url} is damaged`);
  });
}

function checkFields(manifest: object, fields: string[]): void {
  const lacking = fields.filter((field) => !(field in manifest));
  if (lacking.length) {
    throw new Error(`its manifest lacks ${lacking.join(", ")}. Export the model again`);
  }
}

async function readModel(folder: string): Promise<Model> {
  const manifest = (await readJson(`${folder}/manifest.json`)) as Manifest;
  if (manifest.manifest_version !== 1) {
    throw new Error(`it is of version ${manifest.manifest_version}, and this app reads version 1`);
  }
  checkFields(manifest, SHARED);
  const unknown = manifest.panels.filter((panel) => !Object.hasOwn(PANELS, panel));
  if (unknown.length || !manifest.panels.length) {
    throw new Error(
      `this app has panels for ${Object.keys(PANELS).join(", ")}, and none for ` +
        (unknown.join(", ") || "a model without panels"),
    );
  }
  checkFields(manifest, manifest.panels.flatMap((panel) => PANELS[panel].fields));
  // A form that failed has no file.
  const written = manifest.forms.filter(({ path, status }) => path !== null && status !== "failed");
  const forms = written.filter(({ path }) => path.endsWith(".tflite"));
  const outside = forms.find(({ path }) => !FILE_NAME.test(path));
  if (outside) throw new Error(`it names a file of another folder, ${outside.path}`);
  if (!forms.length) throw new Error("it has no .tflite file");
  // Two exports may have the same name, but never the same folder.
  return { ...manifest, name: folder.slice(folder.lastIndexOf("/") + 1), forms, folder };
}

/** Reads the list of models and their manifests; those that cannot be used become problems. */
export async function readCatalogue(): Promise<Catalogue> {
  const { models, samples } = (await readJson("models.json")) as {
    models: string[];
    samples: Sample[];
  };
  const read = await Promise.allSettled(models.map(readModel));
  return {
    models: read.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])),
    samples,
    problems: read.flatMap((result, i) =>
      result.status === "rejected" ? [`${models[i]}: ${result.reason.message}.`] : [],
    ),
  };
}

/** Bytes as people say them. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
