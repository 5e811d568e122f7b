/** The unit tests of a tree of files, which may be a copy of this one, and which of them fail. */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';

export interface Results {
  passed: number;
  /** Each as `suite > test (file)`. */
  failed: string[];
  /** Files that fail as a whole: they can't be loaded, or don't end. */
  broken: string[];
}

interface TestData {
  name: string;
  /** The suites around it. */
  classname?: string;
  file?: string;
  details: { type?: string };
}

/** A bug may make a test wait for ever. */
const testTimeoutMs = 60_000;
/** It may even keep a test file so busy that its own time-outs never come. */
const silenceMs = 2 * testTimeoutMs;

/** The test files whose paths from the root begin like one of these; not those that need an API server. */
export function testFiles(root: string, places: readonly string[]): string[] {
  return globSync('test/**/*.test.ts', { cwd: root, exclude: ['test/**/*.integration.test.ts'] })
    .filter((file) => places.some((place) => file.startsWith(place)))
    .toSorted();
}

export async function runTests(
  root: string,
  files: readonly string[],
  interrupt: AbortSignal,
): Promise<Results> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), silenceMs);
  const events = run({
    cwd: root,
    files: files.map((file) => join(root, file)),
    concurrency: availableParallelism(),
    execArgv: [`--test-timeout=${testTimeoutMs}`],
    signal: AbortSignal.any([interrupt, silence.signal]),
  });
  const results: Results = { passed: 0, failed: [], broken: [] };
  for await (const { type, data } of events) {
    timer.refresh();
    if (type === 'test:pass' || type === 'test:fail') add(results, root, type, data as TestData);
  }
  clearTimeout(timer);
  return results;
}

function add(results: Results, root: string, type: string, data: TestData): void {
  const { name, classname, file = '', details } = data;
  if (details.type === 'suite') return;
  const path = relative(root, file);
  if (name === file) results.broken.push(path);
  else if (type === 'test:pass') results.passed++;
  else results.failed.push(`${classname ? `${classname} > ` : ''}${name} (${path})`);
}
