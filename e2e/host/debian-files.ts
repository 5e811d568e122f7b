import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianPackages } from './debian-packages.ts';
import { run } from './run.ts';

/** As Debian names them. */
export type Architecture = 'amd64' | 'arm64';

/**
 * Unpacks Debian packages of the release that this machine runs into a folder, for any architecture. Nothing is installed, and
 * the machine's own package lists stay as they are.
 */
export async function unpackDebianPackages(
  names: string[],
  architecture: Architecture,
  folder: string,
  progress: (line: string) => void,
): Promise<void> {
  await ensureDebianPackages(['apt', 'dpkg', 'ca-certificates'], 'an image with Debian files', progress);
  const scratch = await mkdtemp(join(tmpdir(), 'clarive-debian-'));
  try {
    const downloads = join(scratch, 'downloads');
    for (const name of ['lists/partial', 'cache/archives/partial', 'downloads'])
      await mkdir(join(scratch, name), { recursive: true });
    await writeFile(join(scratch, 'status'), '');
    const options = [
      `Dir::State=${scratch}`,
      `Dir::Cache=${join(scratch, 'cache')}`,
      `Dir::State::status=${join(scratch, 'status')}`,
      `APT::Architecture=${architecture}`,
      `APT::Architectures=${architecture}`,
      'APT::Sandbox::User=root',
      'Acquire::Languages=none',
      'Acquire::Retries=3',
    ].flatMap((option) => ['-o', option]);
    // One source that cannot be reached makes the whole update fail; the packages may still be had.
    await run('apt-get', [...options, 'update']).catch((error: unknown) => progress(String(error)));
    await run('apt-get', [...options, 'download', ...names], { cwd: downloads });
    for (const file of await readdir(downloads))
      await run('dpkg-deb', ['--extract', join(downloads, file), folder]);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
