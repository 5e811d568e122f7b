import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1ConfigMap, V1EnvVar } from '@kubernetes/client-node';
import { daemonContainer } from '../../src/api/labels.ts';
import type { PodTemplateOverlay } from '../../src/api/kubernetes.ts';
import { run } from '../host/run.ts';
import { buildImage } from './build-image.ts';
import type { Image } from './build-image.ts';

const scriptFolder = join(import.meta.dirname, 'stand-in');
const scriptNames = ['cla', 'service.sh', 'job.sh', 'record.sh'];
const busybox = '/bin/busybox';
const home = '/opt/clarive';
const bin = `${home}/clarive/bin`;
const ownFolders = ['config', 'jobs', 'logs', 'repo', 'tmp'].map((name) => `${home}/${name}`);

/**
 * The image of a daemon that behaves like Clarive's from outside: `/opt/clarive/clarive/bin/cla` with its arguments,
 * config file, signals and exit codes; user `clarive`. What it can be told to do stands in `stand-in/service.sh`. With
 * variables it is another image, for which they are told beforehand.
 */
export function standInImage(
  progress: (line: string) => void,
  variables: Record<string, string> = {},
): Promise<Image> {
  const env = Object.entries({ PATH: '/bin', ...variables }).flatMap(([name, value]) => [
    '--env',
    `${name}=${value}`,
  ]);
  return buildImage(
    {
      name: 'clarive-stand-in',
      packages: ['busybox-static'],
      inputs: async () => [await readFile(busybox), ...Object.values(scripts())],
      layOut: layOutStandIn,
      ownFolders,
      config: ['--user', 'clarive', '--workingdir', home, ...env, '--cmd', `${bin}/cla`],
    },
    progress,
  );
}

async function layOutStandIn(root: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'tmp', bin]) await mkdir(join(root, folder), { recursive: true });
  await chmod(join(root, 'tmp'), 0o1777);
  await cp(busybox, join(root, 'bin/busybox'));
  const applets = (await run(busybox, ['--list'])).trim().split('\n');
  for (const name of new Set(applets)) {
    if (name !== 'busybox') await symlink('busybox', join(root, 'bin', name));
  }
  await writeFile(join(root, 'etc/passwd'), `root:x:0:0::/:/bin/sh\nclarive:x:1000:1000::${home}:/bin/sh\n`);
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nclarive:x:1000:\n');
  for (const [name, text] of Object.entries(scripts())) {
    await writeFile(join(root, bin, name), text);
    await chmod(join(root, bin, name), 0o755);
  }
}

/** The stand-in without an image of its own: a ConfigMap to create, and fields for the spec of each ClariveDaemon. */
export interface StandInOverlay {
  configMap: V1ConfigMap;
  spec: { image: string; env: V1EnvVar[]; template: PodTemplateOverlay };
}

/**
 * Makes any image that has a shell a stand-in daemon: its scripts come from a ConfigMap. For clusters that no image can
 * be loaded into.
 */
export function standInOverlay(image: string): StandInOverlay {
  const data = scripts();
  const digest = createHash('sha256').update(JSON.stringify(data)).digest('hex').slice(0, 12);
  const name = `clarive-stand-in-${digest}`;
  const records = '/var/run/clarive-stand-in';
  return {
    configMap: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data },
    spec: {
      image,
      env: [{ name: 'STAND_IN_RECORD_DIR', value: records }],
      template: {
        spec: {
          containers: [
            {
              name: daemonContainer,
              volumeMounts: [
                { name: 'stand-in', mountPath: bin, readOnly: true },
                { name: 'stand-in-records', mountPath: records },
              ],
            },
          ],
          volumes: [
            { name: 'stand-in', configMap: { name, defaultMode: 0o755 } },
            { name: 'stand-in-records', emptyDir: {} },
          ],
        },
      },
    },
  };
}

/** The scripts by file name. */
function scripts(): Record<string, string> {
  return Object.fromEntries(
    scriptNames.map((name) => [name, readFileSync(join(scriptFolder, name), 'utf8')]),
  );
}
