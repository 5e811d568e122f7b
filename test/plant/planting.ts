import type { Bug } from './bugs.ts';

export interface Planted {
  /** The whole text of the file with the bug in it. */
  text: string;
  /** Line in which the change begins, counted from 1. */
  line: number;
}

/** Puts the bug into the text of its file. Throws if the place is not there exactly once. */
export function plant({ name, file, find, replace }: Bug, text: string): Planted {
  const [before = '', after, ...others] = text.split(find);
  if (after === undefined || others.length > 0) {
    const count = others.length === 0 ? 'no place' : `${others.length + 1} places`;
    throw new Error(`The bug "${name}" finds ${count} in ${file} instead of one: correct test/plant/bugs.ts`);
  }
  return { text: before + replace + after, line: before.split('\n').length };
}
