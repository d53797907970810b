/** What a screen is given, and what it gives back. */

import type { Job, Numbers } from "./engine";
import type { Model, Sample } from "./manifest";
import type { Pixels } from "./pictures";

export interface Studio {
  samples: Sample[];
  /** Makes a picture; null where newer work made it needless, or the model was closed. */
  picture(job: Job<unknown>): Promise<Pixels | null>;
  numbers(signature: string, numbers: Numbers): Promise<Record<string, Float32Array>>;
  /** Puts what is shown into the address; a step that Back should undo is one of its own. */
  remember(step: boolean): void;
  /** Tells the user, and screen readers. */
  say(message: string): void;
}

export interface Screen {
  stage: HTMLElement;
  controls: HTMLElement;
  /** What Share takes, and the name of the file. */
  shared(): { canvas: HTMLCanvasElement; name: string };
  /** What the link must say to show the same. */
  parameters(): Record<string, string>;
  /** Draws what is asked for, anew. */
  refresh(): Promise<void>;
  /** Ends what goes on by itself. */
  leave(): void;
}

export type ScreenMaker<Kind extends Model> = (
  model: Kind,
  studio: Studio,
  parameters: URLSearchParams,
) => Screen;

/** A number of a link, if it is one and in range. */
export function numberOf(
  parameters: URLSearchParams,
  name: string,
  min: number,
  max: number,
  otherwise: number,
): number {
  const text = parameters.get(name);
  const value = Number(text);
  return text !== null && text !== "" && value >= min && value <= max ? value : otherwise;
}
