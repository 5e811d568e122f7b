/** What Flux, `helm --wait` and others that follow kstatus make of objects. */
import { join } from 'node:path';
import { goProgram } from '../../e2e/host/go-program.ts';
import { run } from '../../e2e/host/run.ts';

export type Kstatus = 'Current' | 'InProgress' | 'Failed' | 'Terminating' | 'NotFound' | 'Unknown';

type Answer = { status: Kstatus } | { error: string };

/** The status of each object, by the published code of kstatus; throws with its words if it can't tell. */
export async function kstatusOf(objects: readonly object[]): Promise<Kstatus[]> {
  const source = { folder: join(import.meta.dirname, 'kstatus'), name: 'kstatus', usually: '30 s' };
  const program = await goProgram(source, (line) => console.error(line));
  const answers = JSON.parse(await run(program, [], { input: JSON.stringify(objects) })) as Answer[];
  return answers.map((answer) => {
    if ('error' in answer) throw new Error(answer.error);
    return answer.status;
  });
}
