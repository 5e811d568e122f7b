/**
 * `npm run plant`: proves that the tests can fail. The last line is `N passed, N failed`: bugs that a test has caught, and others.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bug, bugs } from './bugs.ts';
import { plant } from './planting.ts';
import { type Results, runTests, testFiles } from './tests-of.ts';

const usage = `Usage: npm run plant -- [options]

Puts one bug after the other into a temporary copy of the source, and runs the unit tests that have to notice. Without a bug they must pass.
Ends with exit code 1 if no test notices a bug, or if the source has changed so that a bug has no place any more.

  --only NAME  only this bug; may be repeated
  --help       show this text

The bugs (test/plant/bugs.ts): an operator that …

${bugs.map(({ name, does }) => `  ${name}\n      ${does}`).join('\n')}`;

const root = join(import.meta.dirname, '../..');
/** Of the tests that caught a bug, so many are named. */
const mostNamed = 3;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const chosen = bugsNamed(values.only);
  const interrupt = new AbortController();
  abortOnSignal(interrupt);
  const folder = await mkdtemp(join(tmpdir(), 'clarive-operator-plant-'));
  try {
    await copyTree(folder);
    return await plantAll(folder, chosen, interrupt.signal);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function bugsNamed(names: string[] | undefined): readonly Bug[] {
  if (!names) return bugs;
  return names.map((name) => {
    const bug = bugs.find((candidate) => candidate.name === name);
    if (!bug) throw new Error(`No bug is called "${name}": see npm run plant -- --help`);
    return bug;
  });
}

async function plantAll(folder: string, chosen: readonly Bug[], interrupt: AbortSignal): Promise<number> {
  if (!(await isGreen(folder, chosen, interrupt))) return 1;
  let caught = 0;
  for (const [index, bug] of chosen.entries()) {
    console.log(`\n${index + 1}/${chosen.length} ${bug.name}: the operator ${bug.does}`);
    if (await isCaught(folder, bug, interrupt)) caught++;
    if (interrupt.aborted) return 1;
  }
  console.log(`\n${caught} passed, ${chosen.length - caught} failed`);
  return caught === chosen.length ? 0 : 1;
}

/** A test that fails anyway proves nothing. */
async function isGreen(folder: string, chosen: readonly Bug[], interrupt: AbortSignal): Promise<boolean> {
  const places = chosen.flatMap(({ tests }) => tests);
  console.log(`Without a bug: the tests in ${[...new Set(places)].join(', ')}`);
  const { seconds, passed, failed, broken } = await timed(
    runTests(folder, testFiles(folder, places), interrupt),
  );
  const problems = [...failed, ...broken];
  const isGreen = problems.length === 0 && passed > 0 && !interrupt.aborted;
  console.log(`  ${passed} pass, ${problems.length} fail, ${seconds} s`);
  for (const problem of problems) console.log(`  ${problem}`);
  return isGreen;
}

async function isCaught(folder: string, bug: Bug, interrupt: AbortSignal): Promise<boolean> {
  const path = join(folder, bug.file);
  const original = await readFile(path, 'utf8');
  const { text, line } = plant(bug, original);
  console.log(`  ${bug.file}:${line}: ${bug.find}  →  ${bug.replace || 'nothing'}`);
  await writeFile(path, text);
  const results = await timed(runTests(folder, testFiles(folder, bug.tests), interrupt));
  await writeFile(path, original);
  console.log(verdict(results));
  return results.failed.length > 0;
}

/** A file that can't even be loaded says nothing about what its tests would notice. */
function verdict({ failed, broken, seconds }: Results & { seconds: string }): string {
  const unnamed = failed.length - mostNamed;
  const lines =
    failed.length > 0
      ? [`caught in ${seconds} s by`, ...failed.slice(0, mostNamed).map((test) => `  ${test}`)]
      : [`NOT CAUGHT by any test, ${seconds} s`, ...broken.map((file) => `  ${file} fails as a whole`)];
  if (unnamed > 0) lines.push(`  and ${unnamed} more`);
  return lines.map((line) => `  ${line}`).join('\n');
}

async function timed(running: Promise<Results>): Promise<Results & { seconds: string }> {
  const startedAtMs = performance.now();
  const results = await running;
  return { ...results, seconds: ((performance.now() - startedAtMs) / 1000).toFixed(1) };
}

/** The checkout itself is never touched. */
async function copyTree(folder: string): Promise<void> {
  const left = new Set(['.git', 'node_modules', 'dist']);
  await cp(root, folder, { recursive: true, filter: (path) => !left.has(basename(path)) });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
}

function abortOnSignal(interrupt: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort());
}

process.exitCode = await main();
