/** Latents by seed: the same on every device, and in Python (tests/mobile_demo/latents.py). */

/** The k-th of a seed's random 32-bit numbers: SplitMix32, a counter put through a hash. */
export function randomBits(seed: number, k: number): number {
  let x = (seed + Math.imul(k + 1, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/**
 * Standard normal numbers by the Box-Muller transform, float32 [count].
 *
 * Numbers 2i and 2i + 1 are r cos t and r sin t, with r = sqrt(-2 ln u), t = 2 pi v, and u and v the
 * seed's numbers 2i and 2i + 1, moved into (0, 1) by (n + 0.5) / 2^32.
 */
export function latentsOf(seed: number, count: number): Float32Array {
  const latents = new Float32Array(count);
  const uniform = (k: number) => (randomBits(seed, k) + 0.5) / 2 ** 32;
  for (let i = 0; i < count; i++) {
    const even = i - (i % 2);
    const radius = Math.sqrt(-2 * Math.log(uniform(even)));
    const angle = 2 * Math.PI * uniform(even + 1);
    latents[i] = radius * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  }
  return latents;
}

/** A point on the arc from one latent to another; `at` runs from 0 to 1. */
export function between(from: Float32Array, to: Float32Array, at: number): Float32Array {
  if (at === 0) return from;
  let dot = 0;
  let ofFrom = 0;
  let ofTo = 0;
  for (let i = 0; i < from.length; i++) {
    dot += from[i]! * to[i]!;
    ofFrom += from[i]! ** 2;
    ofTo += to[i]! ** 2;
  }
  const angle = Math.acos(Math.min(1, Math.max(-1, dot / Math.sqrt(ofFrom * ofTo))));
  const whole = Math.sin(angle);
  // Parallel latents have no arc between them.
  const [a, b] =
    whole < 1e-6 ? [1 - at, at] : [Math.sin((1 - at) * angle) / whole, Math.sin(at * angle) / whole];
  return from.map((value, i) => a * value + b * to[i]!);
}

/** A seed that nobody chose, short enough to be read out. */
export function newSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000;
}
