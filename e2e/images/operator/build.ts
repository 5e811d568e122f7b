/** `npm run image`: builds the operator's image without Docker and without pulling anything. */
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import packageFile from '../../../package.json' with { type: 'json' };
import { ensureDebianPackages } from '../../host/debian-packages.ts';
import type { Architecture } from '../../host/debian-files.ts';
import { run } from '../../host/run.ts';
import type { Image } from '../build-image.ts';
import { nodeBuildImage, nodeImage } from '../index.ts';

const usage = `Usage: npm run image -- [options]

Builds the image of the operator with buildah (a Debian package; on Linux, as root) and writes an OCI archive for each platform. Its base
images are made here from Node's npm packages and Debian's libraries. Where images can be pulled, the Dockerfile
needs none of this: docker build .

  --arch amd64|arm64   build this one only
  --folder FOLDER      where the archives go, dist by default
  --twice              build each a second time, and fail unless it has the same digest
  --help               show this text`;

const root = join(import.meta.dirname, '../../..');
const { name, version } = packageFile;

/** What to build an image from, and where to put it. */
export interface ImageBuild {
  architecture: Architecture;
  /** OCI archive to write. */
  archive: string;
  /** Folder with the Dockerfile and what it copies; this checkout by default. */
  source?: string;
  /** Version of the package by default. */
  tag?: string;
}

export interface BuiltImage extends Image {
  /** Of the manifest: what an image is pinned by. */
  digest: string;
  /** Bytes that a registry stores: all layers, and those that the base image has. */
  size: number;
  baseSize: number;
}

type Progress = (line: string) => void;
type Buildah = (...args: string[]) => Promise<string>;

/** Architecture of this machine. */
export const hostArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** Builds the operator's image for an architecture and writes it to an OCI archive. */
export async function buildOperatorImage(
  { architecture, archive, source = root, tag = version }: ImageBuild,
  progress: Progress,
): Promise<BuiltImage> {
  await ensureDebianPackages(['buildah'], 'the image of the operator', progress);
  const node = await nodeImage(architecture, progress);
  const nodeBuild = await nodeBuildImage(progress);
  const ref = `localhost/${name}:${tag}`;
  progress(`Building the image ${ref} for ${architecture}`);
  const scratch = await mkdtemp(join(tmpdir(), 'clarive-image-'));
  const storage = ['--root', join(scratch, 'storage'), '--runroot', join(scratch, 'run')];
  const buildah: Buildah = (...args) =>
    run('buildah', ['--storage-driver', 'overlay', ...storage, ...args], {
      cwd: source,
      env: { BUILDAH_ISOLATION: 'chroot' },
    });
  try {
    const { revision, seconds } = await lastCommit(source);
    for (const { archive: base } of [node, nodeBuild])
      await buildah('pull', '--quiet', `oci-archive:${base}`);
    await buildah(
      'build',
      '--quiet',
      `--platform=linux/${architecture}`,
      '--pull-never',
      `--timestamp=${seconds}`,
      // Debian's buildah doesn't know its own platform.
      `--build-arg=BUILDPLATFORM=linux/${hostArchitecture}`,
      `--build-arg=TARGETPLATFORM=linux/${architecture}`,
      `--build-arg=NODE_IMAGE=${node.ref}`,
      `--build-arg=BUILD_IMAGE=${nodeBuild.ref}`,
      `--build-arg=REVISION=${revision}`,
      `--tag=${ref}`,
      ...npmSettings(),
      '.',
    );
    await requireArchitecture(buildah, ref, architecture);
    const digestFile = join(scratch, 'digest');
    await rm(archive, { force: true });
    await buildah('push', '--quiet', '--digestfile', digestFile, ref, `oci-archive:${archive}:${ref}`);
    const digest = (await readFile(digestFile, 'utf8')).trim();
    return { ref, archive, digest, ...(await sizesOf(archive, node.archive)) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function sizesOf(archive: string, base: string): Promise<Pick<BuiltImage, 'size' | 'baseSize'>> {
  const layers = await layerSizes(archive);
  const baseLayers = await layerSizes(base);
  return { size: sum(layers), baseSize: sum(layers.slice(0, baseLayers.length)) };
}

/** What ELF calls the architectures (`e_machine`). */
const elfMachines: Record<Architecture, number> = { amd64: 62, arm64: 183 };

/** Throws unless the image says that it is for this architecture, and the program in it is. */
async function requireArchitecture(buildah: Buildah, ref: string, architecture: Architecture): Promise<void> {
  const container = (await buildah('from', '--pull-never', `--arch=${architecture}`, ref)).trim();
  const said = (await buildah('inspect', '--format={{.OCIv1.Architecture}}', container)).trim();
  const machine = await elfMachineOf(join((await buildah('mount', container)).trim(), 'nodejs/bin/node'));
  await buildah('umount', container);
  if (said === architecture && machine === elfMachines[architecture]) return;
  throw new Error(
    `Cannot use ${ref} on ${architecture}: it says "${said}", and its Node has ELF type ${machine}`,
  );
}

async function elfMachineOf(path: string): Promise<number> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(20), 0, 20, 0);
    if (buffer.toString('latin1', 1, 4) !== 'ELF') throw new Error(`Cannot run "${path}": it is no ELF file`);
    return buffer.readUInt16LE(18);
  } finally {
    await file.close();
  }
}

/** What npm needs to know about its registry, if the user has told it. */
function npmSettings(): string[] {
  const file = process.env['npm_config_userconfig'];
  return file ? ['--secret', `id=npmrc,src=${file}`] : [];
}

/** The files of an image are as old as the commit it is built from. */
async function lastCommit(cwd: string): Promise<{ revision: string; seconds: string }> {
  const [revision = 'unknown', seconds = '0'] = await run('git', ['log', '-1', '--format=%H %ct'], {
    cwd,
  }).then(
    (line) => line.trim().split(' '),
    () => [],
  );
  return { revision, seconds };
}

interface Manifest {
  manifests?: { digest: string }[];
  layers: { size: number }[];
}

async function layerSizes(archive: string): Promise<number[]> {
  const read = async (path: string) => JSON.parse(await run('tar', ['-xOf', archive, path])) as Manifest;
  const [manifest] = (await read('index.json')).manifests ?? [];
  if (!manifest) throw new Error(`Cannot find an image in "${archive}"`);
  return (await read(`blobs/${manifest.digest.replace(':', '/')}`)).layers.map(({ size }) => size);
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string' },
      folder: { type: 'string', default: join(root, 'dist') },
      twice: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const architectures = (['amd64', 'arm64'] as const).filter(
    (one) => values.arch === undefined || values.arch === one,
  );
  if (architectures.length === 0)
    throw new Error(`Cannot build for "${values.arch}": use --arch amd64 or --arch arm64`);
  await mkdir(values.folder, { recursive: true });
  for (const architecture of architectures) {
    const archive = resolve(values.folder, `${name}-${version}-linux-${architecture}.tar`);
    const build = () => buildOperatorImage({ architecture, archive }, (line) => console.error(line));
    const { digest, size, baseSize } = await build();
    const again = values.twice ? await build() : undefined;
    if (again && again.digest !== digest)
      throw new Error(`Cannot build the same image twice: ${digest}, then ${again.digest}`);
    const added = `${mb(size)} MB, of which the operator ${mb(size - baseSize)} MB`;
    console.log(`${archive}\n  ${digest}${again ? ', twice' : ''}\n  ${added}`);
  }
  return 0;
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

if (import.meta.main) process.exitCode = await main();
