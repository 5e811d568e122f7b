import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../host/cache.ts';
import { auditLogPath } from './audit.ts';
import { clusterFolder } from './cluster-folder.ts';
import { newClusterState, requireClusterName, setUpCluster } from './cluster-setup.ts';
import type { Cluster, ClusterOptions, Leftovers } from './cluster.ts';
import { footprintOf } from './footprint.ts';
import { LeaderProcess } from './leader-process.ts';
import type { ClusterPlan } from './plan.ts';
import { prepareCluster } from './prepare-cluster.ts';
import { processId } from './process-id.ts';
import { registerCluster, saveState } from './registry.ts';
import type { ClusterState } from './registry.ts';
import { stopCluster } from './stop-cluster.ts';

/**
 * Builds what is missing, starts a cluster and returns when it is ready: the API server serves, controllers run, nodes
 * are Ready. It ends with `stop`, with this process, or with its leader, whichever comes first.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { state, leader } = await launch(options, false);
  const { kubeconfig, logs } = clusterFolder(state.name);
  const stopApiServer = (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> =>
    leader.request({ verb: 'stop-api-server', signal });
  const startApiServer = (): Promise<void> => leader.request({ verb: 'start-api-server' });
  let stopped: Promise<Leftovers> | undefined;
  return {
    name: state.name,
    kubeconfig,
    kubectl: state.kubectl,
    env: clusterEnvironment(kubeconfig, state.kubectl),
    logs,
    ...(options.auditLog ? { auditLog: auditLogPath(state.root) } : {}),
    loadImage: (archive) => leader.request({ verb: 'load-image', archive }),
    stopApiServer,
    startApiServer,
    async restartApiServer() {
      await stopApiServer();
      await startApiServer();
    },
    freezeKubelet: (node) => leader.request({ verb: 'signal-kubelet', node, signal: 'SIGSTOP' }),
    thawKubelet: (node) => leader.request({ verb: 'signal-kubelet', node, signal: 'SIGCONT' }),
    stop: () => (stopped ??= stopCluster(state)),
  };
}

/** Starts a cluster that outlives this process; `down` ends it. Returns its state. */
export async function startDetachedCluster(options: ClusterOptions): Promise<ClusterState> {
  const { state, leader } = await launch(options, true);
  leader.disconnect();
  return state;
}

/** What a program needs in its environment to use a cluster. */
function clusterEnvironment(kubeconfig: string, kubectl: string): Record<string, string> {
  return { KUBECONFIG: kubeconfig, PATH: `${dirname(kubectl)}:${process.env['PATH'] ?? ''}` };
}

interface Launched {
  state: ClusterState;
  leader: LeaderProcess;
}

async function launch(options: ClusterOptions, detached: boolean): Promise<Launched> {
  const { name = `cluster-${randomBytes(3).toString('hex')}`, nodes = 0, progress = () => {} } = options;
  requireClusterName(name);
  const { programs, version, pause } = await prepareCluster(options);

  const startedMs = performance.now();
  progress(`Starting Kubernetes ${version}, ${describeSize(nodes)}, as cluster "${name}"`);
  const state = await registerCluster(await newClusterState(name, nodes, version, programs));
  const { plan, listener } = await setUpCluster(state, {
    programs: Object.fromEntries(programs),
    controllers: options.controllers ?? true,
    auditLog: options.auditLog ?? false,
    apiServerFlags: options.apiServerFlags ?? [],
    pauseImage: pause?.ref ?? '',
    images: [...(pause ? [pause.archive] : []), ...(options.images ?? [])],
    ...(options.nodeLostAfterSeconds && { nodeLostAfterSeconds: options.nodeLostAfterSeconds }),
    detached,
  });
  const launched = await startLeader(state, plan, listener);
  progress(`Cluster "${name}" is ready after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  return launched;
}

async function startLeader(
  state: ClusterState,
  plan: ClusterPlan,
  listener: Server | undefined,
): Promise<Launched> {
  const { logs } = clusterFolder(plan.name);
  const leader = await LeaderProcess.start(logs, plan.nodes > 0);
  const owner = await processId(leader.pid);
  if (!owner) throw new Error(`Cannot start a leader for cluster "${plan.name}"; see "${logs}"`);
  const led = { ...state, owner };
  await saveState(led);
  try {
    const started = leader.request({ verb: 'start', plan }, listener);
    if (listener) await once(listener.close(), 'close'); // From now on the leader's copy accepts.
    await started;
  } catch (cause) {
    const kept = await keepLogs(logs, plan.name);
    await stopCluster(led);
    throw new Error(`Cannot start cluster "${plan.name}"; its logs are in "${kept}"`, { cause });
  }
  const ready = { ...led, footprint: await footprintOf(owner.pid, [plan.root, plan.data]) };
  await saveState(ready);
  return { state: ready, leader };
}

/** Saves the logs of a cluster that does not start from being removed with it. */
async function keepLogs(logs: string, name: string): Promise<string> {
  const kept = join(cacheFolder(), 'failed', name);
  await cp(logs, kept, { recursive: true, force: true });
  return kept;
}

function describeSize(nodes: number): string {
  if (nodes === 0) return 'control plane only';
  return nodes === 1 ? 'one node' : `${nodes} nodes`;
}
