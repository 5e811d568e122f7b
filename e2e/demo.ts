/**
 * `npm run demo`: Clarive's Daemons screen on a real Kubernetes, from an empty machine to seven active daemons, one stopped and
 * started, one crashed. Then it stays up to be tried; with `CI=true` it ends by itself.
 */
import { once } from 'node:events';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ClariveDaemon } from '../src/api/clarive-daemon.ts';
import { KubeClient } from '../test/support/kube-client.ts';
import { clariveDaemons, pods } from '../test/support/resources.ts';
import { untilList } from '../test/support/until.ts';
import { formatLeftovers, installCrds, prepareCluster, startCluster, type Cluster } from './cluster/index.ts';
import { run } from './host/run.ts';
import { standInImage } from './images/index.ts';
import { OperatorProcess } from './operator-process.ts';

const usage = `Usage: npm run demo

Boots a Kubernetes of its own on this machine (Linux, as root), starts the operator and shows its seven daemons.
What it builds is kept in ~/.cache/clarive-operator: the first run takes about 20 minutes, later ones one.

Environment: CI=true ends the demo by itself; KUBERNETES_MINOR chooses 1.35, 1.36 or 1.37.`;

const root = join(import.meta.dirname, '..');
const startedAtMs = performance.now();

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean' } } });
  if (values.help) return say(usage);

  const image = await standInImage(progress);
  await prepareCluster({ nodes: 1, progress }); // Takes long at first; until here a signal ends the demo at once.
  const interrupted = interruption();
  const cluster = await startCluster({ nodes: 1, images: [image.archive], progress });
  let operator: OperatorProcess | undefined;
  try {
    await installCrds(cluster);
    operator = await OperatorProcess.startFor(cluster, image.ref);
    progress(`The operator runs; its log is ${operator.log}`);
    const end = Promise.race([operator.ended, interrupted]);
    const signal = await Promise.race([show(cluster), end]);
    if (signal) process.exitCode = 128 + constants.signals[signal];
    else if (process.env['CI'] !== 'true') await stayUp(cluster, end);
  } finally {
    await operator?.stop();
    say(`left behind: ${formatLeftovers(await cluster.stop())}`);
  }
}

/** Resolves with the first signal to end; a second one ends this process at once. */
async function interruption(): Promise<'SIGINT' | 'SIGTERM'> {
  const signal = await Promise.race([
    once(process, 'SIGINT').then(() => 'SIGINT' as const),
    once(process, 'SIGTERM').then(() => 'SIGTERM' as const),
  ]);
  progress(`${signal}: taking the cluster down`);
  return signal;
}

async function show(cluster: Cluster): Promise<void> {
  const kubectl = (...args: string[]) => run(cluster.kubectl, args, { env: cluster.env, cwd: root });
  const tell = async (...args: string[]) => {
    say(`$ kubectl ${args.join(' ')}`);
    await kubectl(...args);
  };
  const kube = (await KubeClient.connect(cluster.kubeconfig)).in('default');
  const daemons = new Screen(kube);
  const appliedAtMs = performance.now();
  await tell('apply', '-f', 'crds/samples');
  await daemons.until('seven Active daemons', 300_000, (all) => all.length === 7 && all.every(isActive));
  say(await kubectl('get', 'clarivedaemons'));
  say(`7/7 Active in ${((performance.now() - appliedAtMs) / 1000).toFixed(1)} s`);

  await tell('scale', 'clarivedaemon/purge', '--replicas=0');
  await daemons.until('purge to be Stopped', 90_000, (all) => reasonOf(all, 'purge') === 'Stopped');
  const purgePods = { labelSelector: 'app.kubernetes.io/instance=purge' };
  await untilList(kube, pods, purgePods, (left) => left.length === 0, {
    describe: 'the pod of purge to be gone',
  });
  say('purge Stopped, pod gone');

  await tell('scale', 'clarivedaemon/purge', '--replicas=1');
  await daemons.until('purge to be Active', 90_000, (all) =>
    all.some((one) => one.metadata.name === 'purge' && isActive(one)),
  );
  say('purge Active');

  const crash = { spec: { args: ['--exit-after', '1', '--exit-code', '3'] } };
  await tell('patch', 'clarivedaemon/email', '--type=merge', '-p', JSON.stringify(crash));
  const after = await daemons.until(
    'email to be CrashLooping',
    180_000,
    (all) => reasonOf(all, 'email') === 'CrashLooping',
  );
  const email = after.find(({ metadata }) => metadata.name === 'email');
  say(`email CrashLooping exit ${email?.status?.pod?.lastExit?.code}`);
  say(`  ${ready(email)?.message}`);
  say(await kubectl('get', 'clarivedaemons'));
  kube.close();
}

async function stayUp(cluster: Cluster, end: Promise<unknown>): Promise<void> {
  say(`
The cluster stays up until Ctrl-C. In another terminal:

  export KUBECONFIG=${cluster.kubeconfig} PATH=${dirname(cluster.kubectl)}:$PATH
  kubectl get cld -w                                                     # which daemons are active, and if one is not, why
  kubectl patch cld email --type=merge -p '{"spec":{"args":[]}}'         # mend the one that crashes
  kubectl scale cld/scheduler --replicas=0                               # stop a daemon; 1 starts it again
  kubectl delete cld semaphore                                           # delete one
  kubectl apply -f crds/samples                                          # create it again
  kubectl explain clarivedaemon.spec`);
  await end;
}

/** Follows all daemons and prints each change of state as it happens. */
class Screen {
  readonly #kube: KubeClient;
  readonly #states = new Map<string, string>();

  constructor(kube: KubeClient) {
    this.#kube = kube;
  }

  until(
    describe: string,
    timeoutMs: number,
    condition: (all: ClariveDaemon[]) => boolean,
  ): Promise<ClariveDaemon[]> {
    const look = (all: ClariveDaemon[]) => {
      for (const daemon of all) this.#print(daemon);
      return condition(all);
    };
    return untilList(this.#kube, clariveDaemons, {}, look, { timeoutMs, describe });
  }

  #print(daemon: ClariveDaemon): void {
    const { name } = daemon.metadata;
    const state = ready(daemon)?.reason;
    if (state === undefined || this.#states.get(name) === state) return;
    this.#states.set(name, state);
    progress(`${name.padEnd(20)} ${state.padEnd(14)} ${ready(daemon)?.message ?? ''}`);
  }
}

function ready(daemon: ClariveDaemon | undefined): { reason: string; message: string } | undefined {
  return daemon?.status?.conditions?.find(({ type }) => type === 'Ready');
}

function reasonOf(all: ClariveDaemon[], name: string): string | undefined {
  return ready(all.find(({ metadata }) => metadata.name === name))?.reason;
}

function isActive({ status }: ClariveDaemon): boolean {
  return (
    status?.conditions?.some(({ type, status: value }) => type === 'Active' && value === 'True') ?? false
  );
}

function progress(line: string): void {
  const seconds = (performance.now() - startedAtMs) / 1000;
  say(`${seconds.toFixed(1).padStart(6)} s  ${line}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  for (let cause = error; cause instanceof Error; cause = cause.cause) console.error(cause.message);
  process.exitCode = 1;
});
