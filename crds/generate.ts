/**
 * Writes the CRD manifests and their TypeScript types from crds/source.
 *
 *   node crds/generate.ts                  writes them
 *   node crds/generate.ts --check          exits 1 if one of them is not what it would write
 *   node crds/generate.ts --openapi FILE   refreshes the pod's definitions first, from an OpenAPI v2 document
 *                                          (`kubectl get --raw /openapi/v2` of the newest Kubernetes minor)
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { reduceOpenApi, type OpenApi } from './generator/openapi.ts';
import { extractPath, formatted, generatedFiles, readText } from './generator/outputs.ts';

type File = [path: string, text: string];

const { values: options } = parseArgs({
  options: { check: { type: 'boolean' }, openapi: { type: 'string' } },
});

if (options.openapi !== undefined) await refreshExtract(options.openapi);
const changed = await changedFiles();
if (options.check) reportDrift(changed);
else await write(changed);

async function refreshExtract(openApiPath: string): Promise<void> {
  const extract = reduceOpenApi(JSON.parse(await readFile(openApiPath, 'utf8')) as OpenApi);
  await write([[extractPath, await formatted(extractPath, JSON.stringify(extract))]]);
}

async function changedFiles(): Promise<File[]> {
  const files = [...(await generatedFiles())];
  const present = await Promise.all(files.map(([path]) => readText(path).catch(() => undefined)));
  return files.filter(([, text], index) => text !== present[index]);
}

function reportDrift(files: File[]): void {
  for (const [path] of files) console.error(`${path} differs from its source: run "npm run generate"`);
  if (files.length > 0) process.exitCode = 1;
}

async function write(files: File[]): Promise<void> {
  for (const [path, text] of files) {
    await writeFile(new URL(`../${path}`, import.meta.url), text);
    console.log(`${path} written`);
  }
}
