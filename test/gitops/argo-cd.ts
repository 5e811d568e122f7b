/** Argo CD as far as it runs the scripts of its users. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goProgram } from '../../e2e/host/go-program.ts';
import { run } from '../../e2e/host/run.ts';

const scripts = join(import.meta.dirname, '../../docs/argo-cd/clarive.com');

export interface Health {
  status: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended' | 'Missing' | 'Unknown';
  message: string;
}

export interface Action {
  disabled?: boolean;
  displayName?: string;
  iconClass?: string;
}

type Answer = { result: unknown } | { error: string };

/** The object's health, by the script for its kind. */
export async function healthOf(object: { kind: string }): Promise<Health> {
  return (await runLua(scriptOf(object.kind, 'health.lua'), object)) as Health;
}

/** The actions that are offered for the object. */
export async function actionsOf(object: { kind: string }): Promise<Record<string, Action>> {
  return (await runLua(scriptOf(object.kind, 'actions/discovery.lua'), object)) as Record<string, Action>;
}

/** What an action makes of the object. */
export async function afterAction<T extends { kind: string }>(name: string, object: T): Promise<T> {
  return (await runLua(scriptOf(object.kind, `actions/${name}/action.lua`), object)) as T;
}

/** Runs a script with `obj` as Argo CD does; throws with the engine's words if it fails. */
export async function runLua(script: string, object: object): Promise<unknown> {
  const source = { folder: join(import.meta.dirname, 'argo-cd-lua'), name: 'argo-cd-lua', usually: '15 s' };
  const program = await goProgram(source, (line) => console.error(line));
  const output = await run(program, [], { input: JSON.stringify([{ script, object }]) });
  const [answer] = JSON.parse(output) as Answer[];
  if (answer === undefined || 'error' in answer) throw new Error(answer?.error ?? 'No answer');
  return answer.result;
}

function scriptOf(kind: string, name: string): string {
  return readFileSync(join(scripts, kind, name), 'utf8');
}
