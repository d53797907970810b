/** The page's side of the worker: opens models on what the device has, and runs them. */

import { openForm } from "./downloads";
import { type Form, type Model } from "./manifest";
import type { Accelerator, Calls, Inputs, Reply } from "./messages";
import type { Pixels } from "./pictures";

/** A way to run models on this device. */
export interface Backend {
  name: string;
  accelerator: Accelerator;
  threads: boolean;
  jspi: boolean;
}

const WEBGPU = "WebGPU";
const THREADS = "WebAssembly threads";

/** What this browser does not offer to this page, in words; nothing where it offers all. */
export function missing(backends: Backend[]): string {
  const lacking = [WEBGPU, THREADS].filter((name) => backends.every((backend) => backend.name !== name));
  return lacking.length ? `This browser does not offer ${lacking.join(" and ")} here.` : "";
}

/**
 * The ways that this browser offers, best first.
 *
 * LiteRT comes in four builds, of which a device loads one: with JSPI it runs on WebGPU what WebGPU
 * can, and the rest of the model as WebAssembly; threads need a page that is isolated from others;
 * the plain build runs elsewhere, and a compatible one, which LiteRT takes by itself, where the
 * browser lacks relaxed SIMD (iOS).
 */
export async function findBackends(): Promise<Backend[]> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  const wasm = { accelerator: "wasm" as const, jspi: false };
  return [
    ...(adapter
      ? [
          {
            name: WEBGPU,
            accelerator: "webgpu" as const,
            threads: false,
            jspi: "Suspending" in WebAssembly,
          },
        ]
      : []),
    ...(self.crossOriginIsolated ? [{ name: THREADS, ...wasm, threads: true }] : []),
    { name: "WebAssembly", ...wasm, threads: false },
  ];
}

/** A form that no way of this device could run. */
export class DeviceError extends Error {}

/** The worker, as functions. */
class WorkerCalls {
  private worker = new Worker(new URL("./worker.ts", import.meta.url));
  private waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private count = 0;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const call = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) call?.reject(new Error(data.error));
      else call?.resolve(data.result as never);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.stop(event.message || "the worker stopped");
    };
  }

  call<Name extends keyof Calls>(
    name: Name,
    input: Calls[Name]["input"],
    moved: Transferable[] = [],
  ): Promise<Calls[Name]["result"]> {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, name, input }, moved);
    });
  }

  stop(reason: string): void {
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(new Error(reason));
    this.waiting.clear();
  }
}

/** A worker that loads the build of LiteRT for a way. */
function startRuntime({ threads, jspi }: Backend) {
  const calls = new WorkerCalls();
  const runtime = new URL(`runtime/${__RUNTIME_VERSION__}/`, document.baseURI).href;
  const started = calls.call("start", { runtime, threads, jspi });
  // Whoever awaits it is told, but perhaps nobody does.
  started.catch(() => {});
  return { calls, started };
}

/** What is loaded, and what it costs on this device. */
export interface Opened {
  model: Model;
  form: Form;
  backend: Backend;
  /** What ran it, for people. */
  accelerator: string;
  /** Of runtime and model, downloads included. */
  loadMs: number;
  /** Of the runtime. */
  files: string[];
}

/** Makes pictures by runs of signatures; `run` gives outputs by name, and pixels of images. */
export type Job<Result> = (run: Run) => Promise<Result>;
export type Run = (signature: string, numbers: Numbers) => Promise<Record<string, Float32Array>>;
/** What a signature is given, by the names of its inputs. */
export type Numbers = Record<string, ArrayLike<number>>;

/** Inputs in the shapes and types that the manifest names. */
function inputsOf(model: Model, signature: string, numbers: Numbers): Inputs {
  const specs = Object.entries(model.signatures[signature]!.inputs);
  return Object.fromEntries(
    specs.map(([name, { shape, dtype }]) => {
      const values = numbers[name]!;
      const data = dtype === "int32" ? Int32Array.from(values) : Float32Array.from(values);
      return [name, { data, shape: shape.map((size) => size ?? 1) }];
    }),
  );
}

const REMEMBERED = 9;

/** A model that is loaded in a worker of its own. */
export class Engine {
  private times: number[] = [];

  private constructor(
    private calls: WorkerCalls,
    readonly opened: Opened,
  ) {}

  /**
   * Downloads and loads a form, on the first of some ways that works.
   *
   * @param backends In the order in which they are tried.
   * @param progress Is told the share of the download, 0 to 1.
   * @throws DownloadError if the file cannot be had.
   * @throws DeviceError if none of the ways can run it.
   */
  static async open(
    model: Model,
    form: Form,
    backends: Backend[],
    progress: (share: number) => void,
  ): Promise<Engine> {
    // The runtime of the first way starts while the model is downloaded.
    const early = backends.slice(0, 1).map(startRuntime);
    const begin = performance.now();
    let bytes: ArrayBuffer;
    try {
      bytes = await openForm(model, form, progress);
      if (new TextDecoder().decode(bytes.slice(4, 8)) !== "TFL3") {
        throw new DeviceError(`${form.path} is not a .tflite file.`);
      }
    } catch (error) {
      for (const { calls } of early) calls.stop("closed");
      throw error;
    }
    let reason = "";
    for (const backend of backends) {
      const { calls, started } = early.pop() ?? startRuntime(backend);
      try {
        const { threads, files } = await started;
        const { accelerator, whole, signatures } = await calls.call("load", {
          bytes,
          accelerator: backend.accelerator,
        });
        const lacking = Object.keys(model.signatures).filter(
          (name) => model.signatures[name]!.in_tflite && !signatures.includes(name),
        );
        if (lacking.length) throw new Error(`the file lacks ${lacking.join(", ")}`);
        // Where WebGPU takes only a part and there is no JSPI, LiteRT goes on without WebGPU.
        const ran =
          accelerator === "wasm" ? "WebAssembly" : whole ? "WebGPU" : "WebGPU and WebAssembly";
        const opened = {
          model,
          form,
          backend,
          accelerator: backend.threads ? `${ran}, ${threads} thread${threads > 1 ? "s" : ""}` : ran,
          loadMs: performance.now() - begin,
          files,
        };
        return new Engine(calls, opened);
      } catch (error) {
        calls.stop("closed");
        reason = (error as Error).message;
      }
    }
    throw new DeviceError(
      `This device could not load ${form.form}; it may lack the memory (${reason.slice(0, 160)}).`,
    );
  }

  /** Median milliseconds of the last pictures; null before the first. */
  get msPerPicture(): number | null {
    const sorted = this.times.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }

  /** Runs a job that ends in a picture, and remembers how long the model took. */
  async picture(job: Job<unknown>): Promise<Pixels> {
    let total = 0;
    let shown: Pixels | null = null;
    await job(async (signature, numbers) => {
      const { model } = this.opened;
      const inputs = inputsOf(model, signature, numbers);
      const range = model.value_range;
      const { outputs, pixels, ms } = await this.calls.call("run", { signature, inputs, range });
      total += ms;
      shown = pixels ?? shown;
      return outputs;
    });
    this.times = [...this.times, total].slice(-REMEMBERED);
    return shown!;
  }

  /** Runs a signature whose outputs are wanted as numbers. */
  async numbers(signature: string, numbers: Numbers): Promise<Record<string, Float32Array>> {
    const inputs = inputsOf(this.opened.model, signature, numbers);
    return (await this.calls.call("run", { signature, inputs, range: null })).outputs;
  }

  close(): void {
    this.calls.stop("closed");
  }
}
