/** The API server of this run, as kubectl sees it. */
import { run } from '../../e2e/host/run.ts';
import { waitFor } from '../../e2e/host/wait-for.ts';
import { serviceMonitorCrd } from './monitoring.ts';
import { helm } from './helm.ts';

/** Runs kubectl and returns what it prints; throws with its error output if it fails. */
export function kubectl(args: string[], input?: string): Promise<string> {
  return run(process.env['KUBECTL'] ?? 'kubectl', args, { ...(input !== undefined && { input }) });
}

/** `kubectl apply --server-side` of a manifest. */
export function applyServerSide(manifest: string, ...args: string[]): Promise<string> {
  return kubectl(['apply', '--server-side', '--force-conflicts', ...args, '-f', '-'], manifest);
}

/** Installs every CRD that objects of the charts need, and waits until the API server describes them. */
export async function installAllCrds(): Promise<void> {
  await applyServerSide(await helm('template', 'crds', 'clarive-operator-crds'));
  await applyServerSide(await serviceMonitorCrd());
  for (const [group, kind] of [
    ['clarive.com/v1', 'ClariveDaemon'],
    ['clarive.com/v1', 'ClariveDispatcher'],
    ['monitoring.coreos.com/v1', 'ServiceMonitor'],
  ]) {
    // A kind may be served a while before it is in the API server's description of itself.
    const isDescribed = async () => {
      const text = await kubectl(['get', '--raw', `/openapi/v3/apis/${group}`]).catch(() => '');
      return text.includes(`"kind":"${kind}"`);
    };
    await waitFor(isDescribed, { what: `${kind} to be described`, timeoutMs: 60_000, intervalMs: 250 });
  }
}

/** Creates namespaces that are not there. */
export async function ensureNamespaces(names: Iterable<string>): Promise<void> {
  const namespaces = [...new Set(names)].map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }));
  if (namespaces.length > 0)
    await applyServerSide(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: namespaces }));
}
