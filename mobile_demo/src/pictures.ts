/** Pictures as the models see them, float32 [R, R, 3], and as the screen shows them. */

/** Pixels for a canvas: RGBA, `size` by `size`. */
export interface Pixels {
  size: number;
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** A picture for a model: [R, R, 3], row by row. */
export interface Picture {
  size: number;
  values: Float32Array;
}

const SHOWN = 512;

const LOBES = 3;

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/**
 * Weights of the pixels around a point, by Lanczos' filter; the point lies `t` of the way from the
 * middle two pixels' first to their second. At a pixel that pixel alone has a weight.
 */
function lanczosWeights(t: number): number[] {
  const weights = Array.from({ length: 2 * LOBES }, (_, k) => {
    const distance = t - (k - LOBES + 1);
    return Number.isInteger(distance)
      ? Number(distance === 0)
      : sinc(distance) * sinc(distance / LOBES);
  });
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/**
 * Makes a picture larger for the screen, smoothly.
 *
 * The factor is odd, so the middle of each block of pixels is the model's own pixel, unchanged.
 *
 * @param values Of the model, [R, R, 3].
 * @param size R.
 * @param range The values of black and white.
 */
export function enlarge(values: Float32Array, size: number, range: [number, number]): Pixels {
  const factor = Math.max(1, 2 * Math.round((SHOWN / size - 1) / 2) + 1);
  const large = size * factor;
  const middle = (factor - 1) / 2;
  const taps = Array.from({ length: large }, (_, x) => {
    const at = (x - middle) / factor;
    const left = Math.floor(at);
    return lanczosWeights(at - left).map((weight, k) => ({
      weight,
      from: Math.min(size - 1, Math.max(0, left - LOBES + 1 + k)),
    }));
  });
  const wide = new Float32Array(size * large * 3);
  for (let x = 0; x < large; x++) {
    for (const { weight, from } of taps[x]!) {
      if (weight === 0) continue;
      for (let y = 0; y < size; y++) {
        const source = (y * size + from) * 3;
        const target = (y * large + x) * 3;
        for (let c = 0; c < 3; c++) wide[target + c]! += weight * values[source + c]!;
      }
    }
  }
  const [low, high] = range;
  const scale = 255 / (high - low);
  const rgba = new Uint8ClampedArray(large * large * 4);
  const row = new Float32Array(large * 3);
  for (let y = 0; y < large; y++) {
    row.fill(0);
    for (const { weight, from } of taps[y]!) {
      if (weight === 0) continue;
      const source = from * large * 3;
      for (let i = 0; i < row.length; i++) row[i]! += weight * wide[source + i]!;
    }
    for (let x = 0, i = 0, target = y * large * 4; x < large; x++) {
      rgba[target++] = (row[i++]! - low) * scale;
      rgba[target++] = (row[i++]! - low) * scale;
      rgba[target++] = (row[i++]! - low) * scale;
      rgba[target++] = 255;
    }
  }
  return { size: large, rgba };
}

/** Puts pixels on a canvas. */
export function paint(canvas: HTMLCanvasElement, pixels: Pixels): void {
  if (canvas.width !== pixels.size) canvas.width = canvas.height = pixels.size;
  canvas.getContext("2d")!.putImageData(new ImageData(pixels.rgba, pixels.size), 0, 0);
}

function square(size: number): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  return [canvas, context];
}

/**
 * The middle square of a photo, a video frame or a drawing, at a model's resolution.
 *
 * It is halved until it is less than twice too large: one large step leaves out pixels on some
 * browsers.
 *
 * @param source What the browser has decoded and turned upright.
 * @param width Of the source, in pixels.
 * @param height Of the source, in pixels.
 * @param size Side of the result.
 * @param range The values of black and white.
 */
export function cropSquare(
  source: CanvasImageSource,
  width: number,
  height: number,
  size: number,
  range: [number, number],
): Picture {
  const side = Math.min(width, height);
  let from = source;
  let [left, top, extent] = [(width - side) / 2, (height - side) / 2, side];
  while (true) {
    const next = Math.max(size, Math.ceil(extent / 2));
    const [canvas, context] = square(next);
    context.drawImage(from, left, top, extent, extent, 0, 0, next, next);
    if (next === size) {
      const { data } = context.getImageData(0, 0, size, size);
      const [low, high] = range;
      const values = new Float32Array(size * size * 3);
      for (let i = 0; i < size * size; i++) {
        for (let c = 0; c < 3; c++) {
          values[3 * i + c] = (data[4 * i + c]! / 255) * (high - low) + low;
        }
      }
      return { size, values };
    }
    [from, left, top, extent] = [canvas, 0, 0, next];
  }
}
