import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const dockerfile = readFileSync(join(import.meta.dirname, '../../../Dockerfile'), 'utf8');

/** The flags for Node with which the image starts the operator. They stand in the Dockerfile, and nowhere else. */
export function nodeFlags(): string[] {
  const [, entrypoint] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
  if (!entrypoint)
    throw new Error('Cannot find the ENTRYPOINT in the Dockerfile: write it as a list in one line');
  return (JSON.parse(entrypoint) as string[]).slice(1, -1);
}

/** The environment that the image gives the operator. */
export function imageEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Array.from(dockerfile.matchAll(/^ENV (\w+)=(\S+)$/gm), ([, name = '', value = '']) => [name, value]),
  );
}
