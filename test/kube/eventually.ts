/** Waits until the condition holds, letting the network and everything else go on; the test's own time-out is the limit. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
