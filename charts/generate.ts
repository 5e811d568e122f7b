/**
 * Writes what is generated in charts: the READMEs, and the manifest for those who don't use Helm.
 *
 *   node charts/generate.ts            writes them
 *   node charts/generate.ts --check    exits 1 if one of them is not what it would write
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generatedFiles } from './generator.ts';

const isCheck = process.argv.includes('--check');

for (const [path, text] of await generatedFiles((line) => console.error(line))) {
  const file = join(import.meta.dirname, path);
  if ((await readFile(file, 'utf8').catch(() => undefined)) === text) continue;
  if (isCheck) {
    console.error(`charts/${path} differs from its sources: run "npm run generate"`);
    process.exitCode = 1;
  } else {
    await writeFile(file, text);
    console.log(`charts/${path} written`);
  }
}
