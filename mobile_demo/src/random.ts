/**
 * Latents by seed: those of `python -m tfgan.generate`, so that a seed shows the same face there.
 *
 * NumPy draws them as `default_rng(seed).standard_normal(count, float32)`: a seed becomes the state
 * of a PCG64 generator (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically
 * Good Algorithms for Random Number Generation"), whose numbers the ziggurat method (Marsaglia and
 * Tsang 2000, "The Ziggurat Method for Generating Random Variables") makes normal.
 */

/** A 32-bit hash whose constant changes with each use, as in NumPy's SeedSequence. */
function hasher(constant: number, factor: number): (word: number) => number {
  let current = constant;
  return (word) => {
    const mixed = word ^ current;
    current = Math.imul(current, factor);
    const product = Math.imul(mixed, current);
    return product ^ (product >>> 16);
  };
}

/** The eight 32-bit words that NumPy's SeedSequence makes of a seed below 2^32. */
function seedWords(seed: number): number[] {
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = [seed, 0, 0, 0].map(hash);
  for (let source = 0; source < 4; source++) {
    for (let target = 0; target < 4; target++) {
      if (source === target) continue;
      const other = hash(pool[source]!);
      const mixed = Math.imul(0xca01f9dd, pool[target]!) - Math.imul(0x4973f715, other);
      pool[target] = mixed ^ (mixed >>> 16);
    }
  }
  const last = hasher(0x8b51f9dd, 0x58f38ded);
  return Array.from({ length: 8 }, (_, i) => last(pool[i % 4]!) >>> 0);
}

const FACTOR = (2549297995355413924n << 64n) | 4865540595714422341n;

/** PCG64: 128 bits of state, of which each step gives 64; halves of these come one by one. */
class Pcg64 {
  private state: bigint;
  private readonly increment: bigint;
  private half: number | null = null;

  constructor(seed: number) {
    const words = seedWords(seed).map(BigInt);
    const [high, low, incrementHigh, incrementLow] = [0, 2, 4, 6].map(
      (i) => words[i]! | (words[i + 1]! << 32n),
    ) as [bigint, bigint, bigint, bigint];
    this.increment = BigInt.asUintN(128, (((incrementHigh << 64n) | incrementLow) << 1n) | 1n);
    this.state = this.increment + ((high << 64n) | low);
    this.step();
  }

  private step(): void {
    this.state = BigInt.asUintN(128, this.state * FACTOR + this.increment);
  }

  /** The next 32 bits. */
  next(): number {
    if (this.half !== null) {
      const half = this.half;
      this.half = null;
      return half;
    }
    this.step();
    const folded = (this.state >> 64n) ^ BigInt.asUintN(64, this.state);
    const turns = this.state >> 122n;
    const turned = BigInt.asUintN(64, (folded >> turns) | (folded << (64n - turns)));
    this.half = Number(turned >> 32n);
    return Number(BigInt.asUintN(32, turned));
  }

  /** A float32 from 0 to below 1. */
  uniform(): number {
    return (this.next() >>> 8) / 2 ** 24;
  }
}

// The ziggurat: layers of equal area, whose lowest one has the tail beyond EDGE.
const LAYERS = 256;
const EDGE = 3.654152885361009;
const AREA = 0.004928673233974658;
const UNIT = 2 ** 23; // a place within a layer is a number of 23 bits
const density = (x: number) => Math.exp((-x * x) / 2);
const widths = new Float64Array(LAYERS);
widths[LAYERS - 1] = EDGE;
for (let i = LAYERS - 1; i > 1; i--) {
  widths[i - 1] = Math.sqrt(-2 * Math.log(AREA / widths[i]! + density(widths[i]!)));
}
const heights = Float32Array.from(widths, density);
// The lowest layer is as wide as a rectangle of its area.
const bases = widths.with(0, AREA / density(EDGE));
const scales = Float32Array.from(bases, (width) => width / UNIT);
/** Places below these lie under the curve, whatever the height. */
const sure = bases.map((width, i) => Math.floor(((i ? widths[i - 1]! : EDGE) / width) * UNIT));

/** The next standard normal number, float32. */
function normal(random: Pcg64): number {
  while (true) {
    const bits = random.next();
    const layer = bits & 0xff;
    const place = bits >>> 9;
    const x = Math.fround(place * scales[layer]!) * ((bits >>> 8) & 1 ? -1 : 1);
    if (place < sure[layer]!) return x;
    if (layer === 0) {
      while (true) {
        const beyond = Math.fround(-Math.log1p(-random.uniform()) / EDGE);
        const height = Math.fround(-Math.log1p(-random.uniform()));
        if (2 * height > beyond * beyond) {
          return Math.fround(Math.fround(EDGE) + beyond) * ((place >>> 8) & 1 ? -1 : 1);
        }
      }
    }
    const span = Math.fround(heights[layer - 1]! - heights[layer]!);
    const part = Math.fround(span * random.uniform());
    if (Math.fround(part + heights[layer]!) < density(x)) return x;
  }
}

/** The latents of a seed, float32 [count]. */
export function latentsOf(seed: number, count: number): Float32Array {
  const random = new Pcg64(seed);
  return Float32Array.from({ length: count }, () => normal(random));
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
