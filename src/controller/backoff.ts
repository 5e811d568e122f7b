const firstDelayMs = 5;
const longestDelayMs = 5 * 60 * 1000;

/**
 * How long to wait before the next try: 5 ms after the first failure, twice as long after each further one, at
 * most 5 minutes. Up to half of it is taken off at random, so that keys which failed together do not return together.
 *
 * @param failures failures in a row, 1 or more
 * @param random from 0 up to, but not including, 1
 */
export function backoffMs(failures: number, random: number): number {
  const delayMs = Math.min(firstDelayMs * 2 ** (failures - 1), longestDelayMs);
  return delayMs * (1 - random / 2);
}
