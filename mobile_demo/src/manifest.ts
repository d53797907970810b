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
  resolution: number;
  value_range: [number, number];
  signatures: Record<string, { inputs: Record<string, Spec>; in_tflite: boolean }>;
  forms: Form[];
  recommended: string | null;
}

export interface StyleManifest extends Shared {
  kind: "StyleGANGenerator" | "StyleGAN2Generator";
  class_names: string[];
  latent_dim: number;
  style_dim: number;
  num_styles: number;
  truncation_psi: number;
}

export interface DomainManifest extends Shared {
  kind: "StarGANv2";
  domain_names: string[];
  latent_dim: number;
  style_dim: number;
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
  kind: "StarGAN";
  label_width: number;
  label_sets: LabelSet[];
}

export type Manifest = StyleManifest | DomainManifest | LabelManifest;
export type Task = "Generate" | "Translate";

export const TASKS: Record<Manifest["kind"], Task> = {
  StyleGANGenerator: "Generate",
  StyleGAN2Generator: "Generate",
  StarGANv2: "Translate",
  StarGAN: "Translate",
};

export const SYSTEMS: Record<Manifest["kind"], string> = {
  StyleGANGenerator: "StyleGAN",
  StyleGAN2Generator: "StyleGAN2",
  StarGANv2: "StarGAN v2",
  StarGAN: "StarGAN",
};

/** What the app reads of a manifest, by kind. */
const SHARED: (keyof Shared)[] = ["name", "resolution", "value_range", "signatures", "forms"];
const OWN: { [Each in Manifest as Each["kind"]]: (keyof Each)[] } = {
  StyleGANGenerator: ["class_names", "latent_dim", "style_dim", "num_styles", "truncation_psi"],
  StyleGAN2Generator: ["class_names", "latent_dim", "style_dim", "num_styles", "truncation_psi"],
  StarGANv2: ["domain_names", "latent_dim", "style_dim"],
  StarGAN: ["label_width", "label_sets"],
};

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

async function readModel(folder: string): Promise<Model> {
  const manifest = (await readJson(`${folder}/manifest.json`)) as Manifest;
  if (manifest.manifest_version !== 1) {
    throw new Error(`it is of version ${manifest.manifest_version}, and this app reads version 1`);
  }
  if (!(manifest.kind in TASKS)) {
    throw new Error(`this app shows ${Object.values(SYSTEMS).join(", ")}, not a ${manifest.kind}`);
  }
  const fields = [...SHARED, ...OWN[manifest.kind]];
  const lacking = fields.filter((field) => !(field in manifest));
  if (lacking.length) throw new Error(`its manifest lacks ${lacking.join(", ")}`);
  // A form that failed has no file.
  const made = manifest.forms.filter(({ path, status }) => path !== null && status !== "failed");
  const forms = made.filter(({ path }) => path.endsWith(".tflite"));
  const strange = forms.find(({ path }) => !FILE_NAME.test(path));
  if (strange) throw new Error(`it names a file of another folder, ${strange.path}`);
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
    models: read.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])),
    samples,
    problems: read.flatMap((one, i) =>
      one.status === "rejected" ? [`${models[i]}: ${one.reason.message}.`] : [],
    ),
  };
}

/** Bytes as people say them. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
