/**
 * Stand-ins for the public images that the Dockerfile names, for machines that can't pull: Node as npm has it, and the Debian libraries
 * below it, at the paths of the distroless image.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { exists } from '../host/cache.ts';
import { type Architecture, unpackDebianPackages } from '../host/debian-files.ts';
import { run } from '../host/run.ts';
import { buildImage, type Image } from './build-image.ts';

const projectRoot = join(import.meta.dirname, '../..');
const libraries = ['base-files', 'ca-certificates', 'libc6', 'libgcc-s1', 'libstdc++6', 'netbase', 'tzdata'];
const busybox = '/bin/busybox';
const certificates = '/etc/ssl/certs/ca-certificates.crt';
const nonroot = '65532:65532';

type Progress = (line: string) => void;

/** Stands in for the distroless Node image: no shell, no package manager. */
export async function nodeImage(architecture: Architecture, progress: Progress): Promise<Image> {
  const { name, version, integrity } = await nodePackage(architecture);
  return buildImage(
    {
      name: `node-${architecture}`,
      packages: ['ca-certificates'],
      inputs: async () => [integrity, libraries.join(), await readFile(import.meta.filename)],
      layOut: async (root) => {
        await unpackDebianPackages(libraries, architecture, root, progress);
        await mergeUsr(root);
        await cp(certificates, join(root, certificates));
        await writeFile(
          join(root, 'etc/passwd'),
          `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${nonroot}:nonroot:/home/nonroot:/sbin/nologin\n`,
        );
        await mkdir(join(root, 'nodejs/bin'), { recursive: true });
        await withNode({ name, version, integrity }, (node) => cp(node, join(root, 'nodejs/bin/node')));
      },
      config: ['--arch', architecture, '--user', nonroot, '--entrypoint', '["/nodejs/bin/node"]'],
    },
    progress,
  );
}

/** Stands in for Docker's Node image, as far as a build needs it: Node, npm and a shell. For this machine's architecture. */
export async function nodeBuildImage(progress: Progress): Promise<Image> {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const { name, version, integrity } = await nodePackage(architecture);
  const npm = npmFolder();
  return buildImage(
    {
      name: 'node-build',
      packages: ['busybox-static', 'ca-certificates'],
      inputs: async () => [
        integrity,
        await readFile(join(npm, 'package.json')),
        await readFile(import.meta.filename),
      ],
      layOut: async (root) => {
        await unpackDebianPackages(libraries, architecture, root, progress);
        await mergeUsr(root);
        await cp(certificates, join(root, certificates));
        await mkdir(join(root, 'usr/local/bin'), { recursive: true });
        await withNode({ name, version, integrity }, (node) => cp(node, join(root, 'usr/local/bin/node')));
        await cp(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
        await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
        await cp(busybox, join(root, 'usr/bin/busybox'));
        for (const applet of ['sh', 'env']) await symlink('busybox', join(root, 'usr/bin', applet));
      },
      config: [
        '--env',
        'PATH=/usr/local/bin:/usr/bin:/bin',
        // Whatever this machine trusts, the build trusts.
        '--env',
        `NODE_EXTRA_CA_CERTS=${certificates}`,
        '--entrypoint',
        '["node"]',
      ],
    },
    progress,
  );
}

/** The npm that runs this program, else the one on the PATH's side of Node. */
function npmFolder(): string {
  const cli = process.env['npm_execpath'];
  if (!cli) throw new Error('Cannot find npm: run this by npm, as in "npm run image"');
  return dirname(dirname(cli));
}

interface NodePackage {
  name: string;
  version: string;
  integrity: string;
}

/** The npm package with Node for an architecture, as package-lock.json has it. */
async function nodePackage(architecture: Architecture): Promise<NodePackage> {
  const name = `node-linux-${architecture === 'amd64' ? 'x64' : architecture}`;
  const lock = JSON.parse(await readFile(join(projectRoot, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string } | undefined>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (!locked) throw new Error(`Cannot find "${name}" in package-lock.json`);
  return { name, ...locked };
}

/** Gives the path of the program: npm has installed it for this machine's architecture, others are downloaded. */
async function withNode(
  { name, version, integrity }: NodePackage,
  use: (node: string) => Promise<void>,
): Promise<void> {
  const installed = join(projectRoot, 'node_modules', name, 'bin/node');
  if (await exists(installed)) return use(installed);
  const scratch = await mkdtemp(join(tmpdir(), 'clarive-node-'));
  try {
    const file = (await run('npm', ['pack', '--silent', `${name}@${version}`], { cwd: scratch })).trim();
    const digest = createHash('sha512')
      .update(await readFile(join(scratch, file)))
      .digest('base64');
    if (integrity !== `sha512-${digest}`)
      throw new Error(`Cannot use "${name}" ${version}: it is not what package-lock.json names`);
    await run('tar', ['--extract', '--file', file, 'package/bin/node'], { cwd: scratch });
    await use(join(scratch, 'package/bin/node'));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Debian 12 packages have files below /lib, where Debian has had a link to /usr/lib for years. */
async function mergeUsr(root: string): Promise<void> {
  for (const folder of ['bin', 'lib', 'lib64', 'sbin']) {
    const old = join(root, folder);
    if (!(await exists(old))) continue;
    await cp(old, join(root, 'usr', folder), { recursive: true, verbatimSymlinks: true });
    await rm(old, { recursive: true });
    await symlink(join('usr', folder), old);
  }
}
