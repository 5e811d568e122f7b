import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../host/run.ts';
import { buildImage } from './build-image.ts';
import type { Image } from './build-image.ts';

const source = join(import.meta.dirname, 'pause.c');

/** The image of the container that holds a pod's namespaces: `localhost/pause:1`. */
export function pauseImage(progress: (line: string) => void): Promise<Image> {
  return buildImage(
    {
      name: 'pause',
      tag: '1',
      packages: ['gcc', 'libc6-dev'],
      inputs: async () => [await readFile(source)],
      layOut: async (root) => {
        await run('gcc', ['-static', '-Os', '-s', '-o', join(root, 'pause'), source]);
      },
      config: ['--entrypoint', '["/pause"]', '--user', '65535:65535'],
    },
    progress,
  );
}
