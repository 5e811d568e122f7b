import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcher, ClariveDispatcherSpec } from '../../src/api/clarive-dispatcher.ts';
import type { Condition } from '../../src/api/conditions.ts';
import type { PodTemplate } from '../../src/api/kubernetes.ts';
import { overlayTemplate } from '../../src/desired/overlay.ts';
import { clariveDaemons, clariveDispatchers, pods } from '../../test/support/resources.ts';
import { until, untilList } from '../../test/support/until.ts';
import { standInOverlay, type StandInOverlay } from '../images/index.ts';
import type { Given } from './kubectl.ts';

/** Long enough for pods on a busy machine, and for crashes with their back-off. */
export const patience = { timeoutMs: 120_000 };

/** Set on a cluster that no image can be loaded into: the stand-in then runs as a script in this image. */
const shellImage = process.env['STAND_IN_SHELL_IMAGE'];
const overlay = shellImage === undefined ? undefined : standInOverlay(shellImage);

/** What the daemons of a namespace need there. */
export const requisites: object[] = overlay ? [overlay.configMap] : [];

/** A manifest of a user, as it is to be in this cluster. */
export function adapted(manifest: ClariveDaemon): ClariveDaemon {
  return overlay
    ? { ...manifest, spec: { ...manifest.spec, ...onShellImage(manifest.spec, overlay.spec) } }
    : manifest;
}

/** Settings of a dispatcher that make its daemons another release: as an image where the cluster has one, else as a variable. */
export function release(name: 'next' | 'failing'): Partial<ClariveDispatcherSpec> {
  const image = process.env[name === 'next' ? 'NEXT_IMAGE' : 'FAILING_IMAGE'];
  if (image !== undefined) return { image };
  const variable = name === 'next' ? ['STAND_IN_RELEASE', 'next'] : ['STAND_IN_EXIT_CODE', '1'];
  return { env: [{ name: variable[0] ?? '', value: variable[1] ?? '' }] };
}

/** A manifest as a user would write it. */
export function daemon(name: string, spec: DaemonSpec = {}): object {
  return {
    apiVersion: 'clarive.com/v1',
    kind: 'ClariveDaemon',
    metadata: { name },
    spec: { service: 'service.sem.daemon', ...(overlay ? onShellImage(spec, overlay.spec) : spec) },
  };
}

type DaemonSpec = Partial<ClariveDaemon['spec']>;

function onShellImage(spec: DaemonSpec, { image, env, template }: StandInOverlay['spec']): DaemonSpec {
  return {
    image,
    ...spec,
    env: [...env, ...(spec.env ?? [])],
    template: overlayTemplate(template as PodTemplate, spec.template ?? {}),
  };
}

export function condition(
  { status }: ClariveDaemon | ClariveDispatcher,
  type: string,
): Condition | undefined {
  return status?.conditions?.find((one) => one.type === type);
}

/** Waits until the daemon's newest spec has led to this reason. */
export function untilReason(
  { kube }: Pick<Given, 'kube'>,
  name: string,
  reason: string,
): Promise<ClariveDaemon> {
  const is = (object: ClariveDaemon) => isNow(object, reason);
  return until(kube, clariveDaemons, name, is, { ...patience, describe: `"${name}" to be ${reason}` });
}

/** Waits until the dispatcher's newest spec has led to this reason. */
export function untilDispatcher(
  { kube }: Given,
  name: string,
  reason: string,
  { timeoutMs } = patience,
): Promise<ClariveDispatcher> {
  const is = (object: ClariveDispatcher) => isNow(object, reason);
  return until(kube, clariveDispatchers, name, is, {
    timeoutMs,
    describe: `dispatcher "${name}" to be ${reason}`,
  });
}

function isNow(object: ClariveDaemon | ClariveDispatcher, reason: string): boolean {
  const { metadata, status } = object;
  return condition(object, 'Ready')?.reason === reason && status?.observedGeneration === metadata.generation;
}

export function untilNoPods({ kube }: Given, name: string): Promise<unknown> {
  const query = { labelSelector: `app.kubernetes.io/instance=${name}` };
  return untilList(kube, pods, query, (left) => left.length === 0, {
    ...patience,
    describe: `the pods of "${name}" to be gone`,
  });
}
