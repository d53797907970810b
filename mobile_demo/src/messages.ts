/** What the page asks of the worker, and what it gets back. */

import type { Pixels } from "./pictures";

export type Accelerator = "webgpu" | "wasm";

/** Numbers and shapes of a signature's inputs. */
export type Inputs = Record<string, { data: Float32Array | Int32Array; shape: number[] }>;

export interface Calls {
  /** Loads a build of LiteRT from the folder `runtime`; `files` are those that it took. */
  start: {
    input: { runtime: string; threads: boolean; jspi: boolean };
    result: { threads: number; files: string[] };
  };
  /** Loads a `.tflite` file; gives what really runs it, which may be less than was asked for, and
   * whether that runs all of it. */
  load: {
    input: { bytes: ArrayBuffer; accelerator: Accelerator };
    result: { accelerator: Accelerator; whole: boolean; signatures: string[] };
  };
  /**
   * Runs a signature. With the values of black and white an output called images comes as pixels for
   * a canvas; without, and all other outputs, come as numbers.
   */
  run: {
    input: { signature: string; inputs: Inputs; range: [number, number] | null };
    result: { outputs: Record<string, Float32Array>; pixels: Pixels | null; ms: number };
  };
}

export type Request = {
  [Name in keyof Calls]: { id: number; name: Name; input: Calls[Name]["input"] };
}[keyof Calls];

export type Reply = { id: number } & ({ result: unknown } | { error: string });
