/** Objects as they stood on a real cluster: see e2e/recorder.ts. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcher } from '../../src/api/clarive-dispatcher.ts';

const folder = join(import.meta.dirname, 'recorded');

/** Daemons by the reason of their condition Ready; also Unseen, Outdated and Deleted. */
export const recordedDaemons = recorded<ClariveDaemon>('ClariveDaemon');
/** Dispatchers, likewise. */
export const recordedDispatchers = recorded<ClariveDispatcher>('ClariveDispatcher');

/** The one in that situation; throws if there is none. */
export function recordedAs<T>(all: ReadonlyMap<string, T>, situation: string): T {
  const found = all.get(situation);
  if (!found)
    throw new Error(`No "${situation}" is recorded: run "npm run e2e -- --record reasons dispatcher" once`);
  return found;
}

function recorded<T>(kind: string): ReadonlyMap<string, T> {
  const files = globSync('*.yaml', { cwd: join(folder, kind) }).toSorted();
  return new Map(
    files.map((file) => [
      basename(file, '.yaml'),
      parse(readFileSync(join(folder, kind, file), 'utf8')) as T,
    ]),
  );
}
