import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

/** An npm package of which something is in the bundle. */
export interface BundledPackage {
  name: string;
  version: string;
  /** SPDX expression. */
  license: string;
  /** As in package-lock.json: algorithm and base64 digest of the package's archive. */
  integrity: string;
  folder: string;
}

/** The packages whose code the bundle has, in the order of their names. `root` has package-lock.json and node_modules. */
export async function bundledPackages(metafile: Metafile, root: string): Promise<BundledPackage[]> {
  const lock = await readJson<Lock>(join(root, 'package-lock.json'));
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const folders = new Set(
    inputs
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .flatMap(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  const packages = [...folders].map(async (path) => {
    const folder = join(root, path);
    const { name, version, license } = await readJson<Manifest>(join(folder, 'package.json'));
    const integrity = lock.packages[path]?.integrity;
    if (!integrity)
      throw new Error(`Cannot find "${path}" in package-lock.json: npm ci installs what stands there`);
    return { name, version, license, integrity, folder };
  });
  return (await Promise.all(packages)).toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

interface Lock {
  packages: Record<string, { integrity?: string }>;
}

interface Manifest {
  name: string;
  version: string;
  license: string;
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}

/** A comment with what the packages' licenses ask to be told with every copy. Packages with the same text share it. */
export async function licenseTexts(packages: BundledPackage[]): Promise<string> {
  const byText = Map.groupBy(
    await Promise.all(packages.map(async (one) => ({ ...one, text: await licenseText(one) }))),
    ({ text }) => text,
  );
  const sections = [...byText].map(([text, users]) => {
    const names = users.map(({ name, version, license }) => `${name} ${version} (${license})`);
    return `${names.join(', ')}\n\n${text}`;
  });
  return `/*\nThis file has code of these packages, under their licenses:\n\n${sections.join('\n\n----\n\n')}\n*/\n`;
}

async function licenseText({ folder }: BundledPackage): Promise<string> {
  const file = (await readdir(folder)).find((name) => /^licen[cs]e(\.(md|txt))?$/i.test(name));
  if (!file) return 'The package has no license file; its package.json names the license.';
  const text = await readFile(join(folder, file), 'utf8');
  return text.trim().replaceAll('*/', '* /');
}
