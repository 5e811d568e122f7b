/** Random numbers from 0 up to 1 that repeat for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Seeds for a randomised test: the given number of fresh ones, or the one in the environment variable SEED. */
export function seeds(count: number): number[] {
  if (process.env['SEED']) return [Number(process.env['SEED'])];
  return Array.from({ length: count }, () => Math.floor(Math.random() * 2 ** 32));
}
