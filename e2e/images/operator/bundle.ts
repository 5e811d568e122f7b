/**
 * `npm run bundle [FOLDER]`: the operator as one file, which is all that its image adds to Node, and a list of what is in it.
 *
 * It is not minified: a stack trace names functions that can be looked up, and the image's size is that of Node anyway. It is
 * CommonJS, because an ESM import of node:http, unlike a require, makes Node load its fetch (4 MB, 20 ms), which nobody uses.
 * Nothing in it depends on the machine or the folder that it is made in.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build as esbuild, type Metafile, type Plugin } from 'esbuild';
import { bundledPackages, licenseTexts } from './bundled-packages.ts';
import { softwareBillOfMaterials } from './sbom.ts';

const root = join(import.meta.dirname, '../../..');

export const bundleName = 'clarive-operator.cjs';
const sbomName = 'clarive-operator.cdx.json';

/**
 * What stands in the place of a module. The operator talks to the API server by itself, so of the client it needs the reading of
 * kubeconfigs and credentials: API classes, their models and two HTTP libraries would be nine tenths of the bundle.
 * The base class of the operator asks for them, but every member that would use them is overridden.
 */
const replacements: Record<string, string> = {
  '@kubernetes/client-node': `
    export { KubeConfig } from '@kubernetes/client-node/dist/config.js';
    export class CoreV1Api {}`,
  './gen/index.js': `
    export { createConfiguration } from '@kubernetes/client-node/dist/gen/configuration.js';
    export { ServerConfiguration } from '@kubernetes/client-node/dist/gen/servers.js';`,
  gaxios: 'module.exports = {}',
  undici: 'module.exports = {}',
  // Colours for the debug output of a proxy library, which does without if it isn't installed.
  'supports-color': 'module.exports = {}',
};

const replace: Plugin = {
  name: 'replace',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path }) =>
      path in replacements ? { path, namespace: 'replacement' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'replacement' }, ({ path }) => ({
      contents: replacements[path] ?? '',
      resolveDir: root,
    }));
    // Of a package.json the program tells name and version; the rest would be about how it is developed.
    build.onLoad({ filter: /\/package\.json$/ }, async ({ path }) => {
      const { name, version } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
      return { contents: JSON.stringify({ name, version }), loader: 'json' };
    });
  },
};

/** Writes the bundle and its SBOM into the folder. */
export async function bundle(folder: string): Promise<{ file: string; sbom: string; metafile: Metafile }> {
  const { metafile, outputFiles } = await esbuild({
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // Whatever a link of a development machine leads to, the bundle says node_modules.
    preserveSymlinks: true,
    legalComments: 'none',
    plugins: [replace],
    metafile: true,
    write: false,
    outfile: bundleName,
    logLevel: 'warning',
  });
  const packages = await bundledPackages(metafile, root);
  const file = join(folder, bundleName);
  const sbom = join(folder, sbomName);
  await mkdir(folder, { recursive: true });
  await writeFile(file, ascii(`${outputFiles[0]?.text}\n${await licenseTexts(packages)}`));
  await writeFile(sbom, softwareBillOfMaterials(packages));
  return { file, sbom, metafile };
}

/** One character beyond Latin-1, and V8 keeps the whole text with two bytes for each. In code esbuild has escaped them: what is left stands in comments. */
function ascii(text: string): string {
  return text
    .replaceAll('©', '(c)')
    .replaceAll(/[“”]/g, '"')
    .replaceAll(/\P{ASCII}/gu, '?');
}

if (import.meta.main) {
  const { file, sbom } = await bundle(resolve(process.argv[2] ?? join(root, 'dist')));
  console.log(`${file}\n${sbom}`);
}
