/**
 * The candidate that is most probably meant by a mistyped word: at most every third letter differs. Case and separators don't count.
 *
 * @param prefixLength what all have in common, and so says nothing
 */
export function closest(word: string, candidates: Iterable<string>, prefixLength = 0): string | undefined {
  const letters = (text: string) => text.slice(prefixLength).toLowerCase().replace(/[-_]/g, '');
  const wanted = letters(word);
  let best: { candidate?: string; distance: number } = {
    distance: Math.max(1, Math.floor(wanted.length / 3)) + 1,
  };
  for (const candidate of candidates) {
    const distance = editDistance(wanted, letters(candidate));
    if (distance < best.distance) best = { candidate, distance };
  }
  return best.candidate;
}

/** How many letters must be inserted, left out or replaced (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1];
    for (const [index, other] of [...to].entries()) {
      const replaced = (row[index] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
