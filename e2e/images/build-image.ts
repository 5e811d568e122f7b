import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildOnce, cacheFolder } from '../host/cache.ts';
import { ensureDebianPackages } from '../host/debian-packages.ts';
import { run } from '../host/run.ts';

/** An image for a cluster that has no registry: the reference for pod specs, and the OCI archive to load into nodes. */
export interface Image {
  ref: string;
  archive: string;
}

/** How to build an image of one layer. */
export interface Recipe {
  name: string;
  /** Tag of the reference; by default the digest of `inputs`, so that another content is another image. */
  tag?: string;
  /** Debian packages that the build takes something from. */
  packages: string[];
  /** Everything the content depends on; read after the packages are there. */
  inputs: () => Promise<(string | Uint8Array)[]>;
  /** Fills the folder that becomes the root of the image, owned by root. */
  layOut: (root: string) => Promise<void>;
  /** Folders that belong to user and group 1000. */
  ownFolders?: string[];
  /** Arguments of `buildah config`. */
  config: string[];
}

/** Returns the image of a recipe, after building it if the cache does not have it. */
export async function buildImage(recipe: Recipe, progress: (line: string) => void): Promise<Image> {
  await ensureDebianPackages(['buildah', ...recipe.packages], `the image ${recipe.name}`, progress);
  const digest = createHash('sha256').update(JSON.stringify([recipe.config, recipe.ownFolders]));
  for (const input of await recipe.inputs()) digest.update(createHash('sha256').update(input).digest());
  const version = digest.digest('hex').slice(0, 12);
  const ref = `localhost/${recipe.name}:${recipe.tag ?? version}`;
  const path = join(cacheFolder(), 'images', `${recipe.name}-${version}.tar`);
  const archive = await buildOnce(path, (file) => writeArchive(recipe, ref, file, progress), progress);
  return { ref, archive };
}

async function writeArchive(
  recipe: Recipe,
  ref: string,
  file: string,
  progress: (line: string) => void,
): Promise<void> {
  progress(`Building the image ${ref}`);
  const scratch = await mkdtemp(join(tmpdir(), 'clarive-image-'));
  const storage = ['--root', join(scratch, 'storage'), '--runroot', join(scratch, 'run')];
  const buildah = (...args: string[]): Promise<string> =>
    run('buildah', ['--storage-driver', 'vfs', ...storage, ...args], {
      env: { BUILDAH_ISOLATION: 'chroot' },
    });
  try {
    const root = join(scratch, 'root');
    const empty = join(scratch, 'empty');
    await Promise.all([mkdir(root), mkdir(empty)]);
    await recipe.layOut(root);
    const container = (await buildah('from', 'scratch')).trim();
    await buildah('add', container, root, '/');
    for (const folder of recipe.ownFolders ?? [])
      await buildah('add', '--chown', '1000:1000', container, empty, folder);
    await buildah('config', ...recipe.config, container);
    await buildah('commit', '--quiet', container, ref);
    await buildah('push', '--quiet', ref, `oci-archive:${file}:${ref}`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
