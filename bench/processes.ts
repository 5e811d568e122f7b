/** What Linux says about running processes. */
import { readdir, readFile } from 'node:fs/promises';

/** The kernel counts CPU time in hundredths of a second. */
const msPerTick = 10;

/** User and system time so far, in milliseconds. */
export async function cpuMs(pid: number): Promise<number> {
  const fields = await statFields(pid);
  return (Number(fields[11]) + Number(fields[12])) * msPerTick;
}

/** Resident memory now and at most so far, in MB (millions of bytes). */
export async function memoryMb(pid: number): Promise<{ nowMb: number; peakMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string) =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6;
  return { nowMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}

/** The pid of the program of that name among the descendants of `ancestor`. Throws if there is none. */
export async function descendant(ancestor: number, name: string): Promise<number> {
  const parents = new Map<number, number>();
  const candidates: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) continue; // it has ended meanwhile
    parents.set(pid, Number(afterName(stat)[1]));
    // The kernel keeps 15 characters of the name.
    if (stat.includes(`(${name.slice(0, 15)})`)) candidates.push(pid);
  }
  const found = candidates.find((pid) => isBelow(pid, ancestor, parents));
  if (found === undefined) throw new Error(`Cannot find "${name}" among the descendants of ${ancestor}`);
  return found;
}

function isBelow(pid: number, ancestor: number, parents: Map<number, number>): boolean {
  for (let at = parents.get(pid); at !== undefined; at = parents.get(at)) {
    if (at === ancestor) return true;
  }
  return false;
}

async function statFields(pid: number): Promise<string[]> {
  return afterName(await readFile(`/proc/${pid}/stat`, 'utf8'));
}

/** The fields of /proc/<pid>/stat from the third on: the second, the name, may contain spaces. */
function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
