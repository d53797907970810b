/** Runs models, away from the thread that draws the page. */

import { type CompiledModel, type LiteRt, loadLiteRt, Tensor } from "@litertjs/core";

import type { Calls, Inputs, Reply, Request } from "./messages";
import { enlarge } from "./pictures";

let liteRt: LiteRt;
let model: CompiledModel | undefined;

async function start({ runtime, threads, jspi }: Calls["start"]["input"]) {
  // Within a worker the builds look for their files beside the worker, and threads start that.
  Object.assign(self, {
    Module: {
      // LiteRT writes what it does to where errors go.
      printErr: (line: string) => {
        if (!/^(INFO|WARNING|VERBOSE):/.test(line)) console.error(line);
      },
      locateFile: (name: string) => runtime + name,
      mainScriptUrlOrBlob: `${runtime}litert_wasm_threaded_internal.js`,
    },
  });
  liteRt = await loadLiteRt(runtime, { threads, jspi });
  return {
    threads: liteRt.liteRtWasm.getThreadCount(),
    files: performance.getEntriesByType("resource").map(({ name }) => name),
  };
}

async function load({ bytes, accelerator }: Calls["load"]["input"]) {
  model?.delete();
  model = undefined;
  model = await liteRt.loadAndCompile(new Uint8Array(bytes), {
    accelerator,
    // Half precision is what the float16 form is for.
    gpuOptions: { precision: "fp32" },
  });
  return {
    accelerator: model.options.accelerator === "webgpu" ? ("webgpu" as const) : ("wasm" as const),
    whole: model.isFullyAccelerated,
    signatures: Object.keys(model.signatures),
  };
}

/** Runs a signature and gives its outputs back as numbers, and their shapes. */
async function infer(signature: string, inputs: Inputs) {
  const tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [name, new Tensor(data, shape)]),
  );
  const results = await model!.run(signature, tensors);
  const outputs: Record<string, { data: Float32Array; shape: readonly number[] }> = {};
  for (const [name, result] of Object.entries(results)) {
    const { dimensions } = result.type.layout;
    outputs[name] = {
      data: (await result.data()).slice() as Float32Array,
      shape: Array.from(dimensions),
    };
    result.delete();
  }
  for (const tensor of Object.values(tensors)) tensor.delete();
  return outputs;
}

async function run({ signature, inputs, range }: Calls["run"]["input"]): Promise<Calls["run"]["result"]> {
  const begin = performance.now();
  const tensors = await infer(signature, inputs);
  const ms = performance.now() - begin;
  const images = range && tensors.images;
  if (images) delete tensors.images;
  return {
    outputs: Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data])),
    pixels: images ? enlarge(images.data, images.shape[1]!, range) : null,
    ms,
  };
}

async function answer(request: Request): Promise<void> {
  const { id, name, input } = request;
  try {
    const result = await (name === "start" ? start(input) : name === "load" ? load(input) : run(input));
    const moved = "pixels" in result && result.pixels ? [result.pixels.rgba.buffer] : [];
    postMessage({ id, result } satisfies Reply, { transfer: moved });
  } catch (error) {
    postMessage({ id, error: String(error) } satisfies Reply);
  }
}

// One after the other: a model has one set of buffers.
let last = Promise.resolve();
addEventListener("message", (event: MessageEvent<Request>) => {
  last = last.then(() => answer(event.data));
});
