import { join } from 'node:path';
import { run } from '../host/run.ts';
import { waitFor } from '../host/wait-for.ts';
import type { Cluster } from './cluster.ts';

interface Definition {
  status?: { conditions?: { type: string; status: string }[] | null };
}

/** Installs the project's CRDs and returns when the API server serves them. */
export async function installCrds({ kubectl, env }: Pick<Cluster, 'kubectl' | 'env'>): Promise<void> {
  const options = { env, cwd: join(import.meta.dirname, '../..') };
  const crds = ['-f', 'crds/', '--recursive=false'];
  await run(kubectl, ['apply', '--server-side', '--force-conflicts', ...crds], options);
  // kubectl wait fails on a definition that has no conditions yet.
  await waitFor(
    async () => {
      const shown = JSON.parse(await run(kubectl, ['get', ...crds, '-o', 'json'], options)) as
        Definition | { items: Definition[] };
      return ('items' in shown ? shown.items : [shown]).every(isEstablished);
    },
    { what: 'the CRDs to be served', timeoutMs: 30_000 },
  );
}

function isEstablished({ status }: Definition): boolean {
  return status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True') ?? false;
}
