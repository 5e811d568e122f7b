import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce, cacheFolder } from '../host/cache.ts';
import { run } from '../host/run.ts';
import type { Image } from '../images/build-image.ts';
import { buildOperatorImage, hostArchitecture } from '../images/operator/build.ts';

/**
 * The commit that upgrades begin from. Between it and this checkout no pod template may differ, because an upgrade restarts no
 * daemon; where one has to, this names the commit that did it, and the changelog says so.
 */
const olderRevision = 'ac2c57ea5e9cfa02b17630b6121b3780334bfe5a';

const root = join(import.meta.dirname, '../..');

/** Charts, with the CRDs in them, and image of an older state of this repository. */
export interface OlderRelease {
  /** Folder with the charts. */
  charts: string;
  image: Image;
}

/** Gets the older state out of git, into `folder`, and builds its image. Throws in a clone that is too shallow. */
export async function olderRelease(folder: string, progress: (line: string) => void): Promise<OlderRelease> {
  const source = join(folder, 'source');
  await mkdir(source);
  const archiveOfSource = join(folder, 'source.tar');
  await run('git', ['archive', `--output=${archiveOfSource}`, olderRevision], { cwd: root });
  await run('tar', ['--extract', `--file=${archiveOfSource}`, `--directory=${source}`]);
  const tag = olderRevision.slice(0, 12);
  const path = join(cacheFolder(), 'images', `clarive-operator-${tag}-${hostArchitecture}.tar`);
  const build = async (archive: string) =>
    void (await buildOperatorImage({ architecture: hostArchitecture, archive, source, tag }, progress));
  const archive = await buildOnce(path, build, progress);
  return { charts: join(source, 'charts'), image: { ref: `localhost/clarive-operator:${tag}`, archive } };
}
