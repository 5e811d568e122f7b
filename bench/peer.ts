import { join } from 'node:path';
import { goProgram } from '../e2e/host/go-program.ts';

/** Path of the operator on controller-runtime that ours is compared with. `progress` is told if it has to be built. */
export function peerProgram(progress: (line: string) => void): Promise<string> {
  const folder = join(import.meta.dirname, 'peer');
  return goProgram({ folder, name: 'clarive-peer', usually: '3 min' }, progress);
}
