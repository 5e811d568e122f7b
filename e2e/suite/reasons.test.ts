/**
 * Whether a daemon is active, and if not, why: every reason brought about on real pods, and how soon after the API server knows it the
 * status tells it. At the end, a table.
 */
import assert from 'node:assert/strict';
import { after, describe, test, type TestContext } from 'node:test';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { reasonTable } from '../../src/api/conditions.ts';
import { inNamespace } from '../../test/support/in-namespace.ts';
import { KubeClient } from '../../test/support/kube-client.ts';
import {
  clariveDaemons,
  configMaps,
  deployments,
  namespaces,
  secrets,
} from '../../test/support/resources.ts';
import { installCrds, startCluster } from '../cluster/index.ts';
import { standInImage } from '../images/index.ts';
import { OperatorProcess } from '../operator-process.ts';
import { Recorder } from '../recorder.ts';
import {
  childIs,
  crashedThrice,
  created,
  daemonIs,
  edited,
  failsToMount,
  podEnds,
  podGone,
  podReady,
  podUnknown,
  podUnscheduled,
  refusesPods,
  waitsFor,
} from './causes.ts';
import {
  create,
  createSettings,
  draining,
  edit,
  forbidDeployments,
  forbidPods,
  foreignDeployment,
  onContainer,
  scale,
  withVariable,
  withVolume,
} from './changes.ts';
import { condition, requisites } from './daemons.ts';
import { Stage, Transitions } from './transitions.ts';
import { Witness } from './witness.ts';

/** Nothing may be told later than this, on whatever machine; the target is in the table. */
const mostMs = 5000;

/** Services whose daemons are stopped and started, and how often each. One that is stopped at the moment of its start hears no signal. */
const busy = {
  services: ['sem.daemon', 'event.daemon', 'daemon.email', 'purge.daemon', 'root_cause_analysis.daemon'],
  turns: 6,
  spec: { template: { spec: { terminationGracePeriodSeconds: 2 } } },
};

/** Most stories wait for Kubernetes most of the time; with more of them at once, that would wait for a processor. */
const sideBySide = 6;

const transitions = new Transitions();
const cluster = await KubeClient.connect();
const witness = await Witness.start(cluster);

type Story = (stage: Stage, t: TestContext) => Promise<void>;

const stories = new Map<string, Story>();

stories.set('told in time, however often it is stopped and started', async (stage) => {
  const each = (key: string, index: number) =>
    stopAndStart(`daemon-${index}`, `service.${key}`, new Stage(stage.kube, witness, transitions));
  await Promise.all(busy.services.map(each));
});

async function stopAndStart(name: string, service: string, stage: Stage): Promise<void> {
  await stage.change(create(name, { service, ...busy.spec }));
  await stage.becomes(name, 'Running', podReady, false);
  for (let turn = 1; turn <= busy.turns; turn++) {
    await stage.change(scale(name, 0));
    await stage.becomes(name, 'Stopped', podGone, false);
    await stage.hasBeen(name, 'Stopping', edited(2 * turn));
    await stage.change(scale(name, 1));
    await stage.becomes(name, 'Running', podReady, false);
    await stage.hasBeen(name, 'Starting', edited(2 * turn + 1));
  }
}

stories.set('CrashLooping after its third crash, with its exit code', async (stage) => {
  await stage.change(create('one', { args: ['--exit-after', '1', '--exit-code', '3'] }));
  const crashing = await stage.becomes('one', 'CrashLooping', crashedThrice);
  assert.equal(crashing.status?.pod?.lastExit?.code, 3);
  assert.match(messageOf(crashing), /exited with code 3/);
});

stories.set('Starting, Running, Stopping and Stopped by its switch', async (stage) => {
  await stage.change(create('one', draining));
  await stage.becomes('one', 'Starting', created);
  await stage.becomes('one', 'Running', podReady);
  await stage.change(scale('one', 0));
  await stage.becomes('one', 'Stopping', edited(2));
  const stopped = await stage.becomes('one', 'Stopped', podGone);
  assert.equal(stopped.status?.replicas, 0);
});

stories.set('Stopping while a finalizer holds its deletion', async (stage) => {
  await stage.change(create('one', { replicas: 0 }));
  await stage.becomes('one', 'Stopped', created, false);
  await stage.kube.patch(clariveDaemons, 'one', { metadata: { finalizers: ['example.com/hold'] } });
  await stage.change((kube) => kube.delete(clariveDaemons, 'one'));
  const isHeld = daemonIs(({ metadata }) => metadata.deletionTimestamp !== undefined);
  const held = await stage.becomes('one', 'Stopping', isHeld);
  assert.match(messageOf(held), /held by its finalizers: "example\.com\/hold"/);
  await stage.kube.patch(clariveDaemons, 'one', { metadata: { finalizers: null } });
});

stories.set('WaitingForOldPod while the pod before a change drains', async (stage) => {
  await stage.change(create('one', draining));
  await stage.becomes('one', 'Running', podReady, false);
  await stage.change(edit('one', withVariable('blue', draining)));
  await stage.becomes('one', 'WaitingForOldPod', podEnds);
  await stage.becomes('one', 'Running', podReady, false);
});

stories.set('RolloutPaused while somebody has paused its Deployment', async (stage) => {
  await stage.change(create('one'));
  await stage.becomes('one', 'Running', podReady, false);
  await stage.kube.patch(deployments, 'one', { spec: { paused: true } });
  await stage.change(edit('one', withVariable('blue')));
  const hasChange = childIs(({ spec }) => JSON.stringify(spec?.template).includes('COLOUR'));
  await stage.becomes('one', 'RolloutPaused', hasChange);
  await stage.change((kube) => kube.patch(deployments, 'one', { spec: { paused: null } }));
  await stage.becomes('one', 'Running', podReady, false);
});

stories.set('Paused while it differs and is to be left alone', async (stage) => {
  await stage.change(create('one'));
  await stage.becomes('one', 'Running', podReady, false);
  await stage.change(edit('one', { paused: true, ...withVariable('blue') }));
  await stage.becomes('one', 'Paused', edited(2));
  await stage.change(edit('one', { paused: false }));
  await stage.becomes('one', 'Running', podReady, false);
});

stories.set('Unschedulable in the words of the scheduler', async (stage) => {
  await stage.change(create('one', { template: { spec: { nodeSelector: { disk: 'none' } } } }));
  const homeless = await stage.becomes('one', 'Unschedulable', podUnscheduled);
  assert.match(messageOf(homeless), /node/);
});

stories.set('QuotaExceeded in the words of the API server', async (stage) => {
  await forbidPods(stage.kube);
  await stage.change(create('one'));
  const surplus = await stage.becomes('one', 'QuotaExceeded', refusesPods(/exceeded quota/));
  assert.match(messageOf(surplus), /exceeded quota: none/);
});

stories.set('AdmissionRejected when Pod Security refuses its pod', async (stage) => {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await stage.kube.patch(namespaces, stage.kube.namespace, { metadata: { labels } });
  await stage.change(create('one', { template: { spec: { hostNetwork: true } } }));
  const refused = await stage.becomes('one', 'AdmissionRejected', refusesPods(/violates PodSecurity/));
  assert.match(messageOf(refused), /hostNetwork/);
});

stories.set('AdmissionRejected when a policy refuses its Deployment', async (stage, t) => {
  await forbidDeployments(stage.kube, t);
  await stage.change(create('one'));
  const refused = await stage.becomes('one', 'AdmissionRejected', created);
  assert.match(messageOf(refused), /no Deployments here/);
});

stories.set('ContainerConfigError in the words of the kubelet', async (stage) => {
  await stage.change(create('one', { template: { spec: { securityContext: { runAsUser: 0 } } } }));
  const failed = await stage.becomes('one', 'ContainerConfigError', waitsFor(/^CreateContainerConfigError$/));
  assert.match(messageOf(failed), /non-root/);
});

stories.set('ImagePullFailed when its image does not exist', async (stage) => {
  await stage.change(create('one', { image: 'localhost/no-such-image:1' }));
  const failed = await stage.becomes('one', 'ImagePullFailed', waitsFor(/^ErrImagePull$|^ImagePullBackOff$/));
  assert.match(messageOf(failed), /no-such-image/);
});

stories.set('InvalidSpec in the words of the operator, and of the API server', async (stage) => {
  const mount = { name: 'conf', mountPath: '/opt/clarive/config/clarive.yml' };
  await stage.change(create('one', { config: { a: 1 }, ...onContainer({ volumeMounts: [mount] }) }));
  await stage.becomes('one', 'InvalidSpec', created);
  const broken = onContainer({ volumeMounts: [{ name: 'missing', mountPath: '/mnt' }] });
  await stage.change(create('two', { service: 'service.event.daemon', ...broken }));
  const invalid = await stage.becomes('two', 'InvalidSpec', created);
  assert.match(messageOf(invalid), /volumeMounts\[\d\]\.name: Not found: "missing"/);
});

stories.set('a Conflict with a Deployment of somebody else', async (stage) => {
  await stage.kube.create(deployments, foreignDeployment('one'));
  await stage.change(create('one'));
  const conflict = await stage.becomes('one', 'Conflict', created);
  assert.match(messageOf(conflict), /"one" already exists/);
});

stories.set('MissingReference for a ConfigMap in its environment, until it is there', async (stage) => {
  await stage.change(create('one', { envFrom: [{ configMapRef: { name: 'settings' } }] }));
  const lacking = await stage.becomes('one', 'MissingReference', waitsFor(/ConfigError/, /not found/));
  assert.match(messageOf(lacking), /configmap "settings" not found/);
  await stage.change(createSettings);
  await stage.becomes('one', 'Running', podReady, false);
});

stories.set('MissingReference for a ConfigMap that a volume names, until it is there', async (stage) => {
  await stage.change(create('one', withVolume({ configMap: { name: 'settings' } })));
  const lacking = await stage.becomes('one', 'MissingReference', failsToMount(/not found/));
  const told = 'The daemon can\'t be started: volume "conf": configmap "settings" not found';
  assert.ok(messageOf(lacking).startsWith(told));
  await stage.change(createSettings);
  await stage.becomes('one', 'Running', podReady);
});

stories.set(
  'MissingReference for a key of a Secret that a volume names, without its values',
  async (stage) => {
    const secret = { secretName: 'ssh', items: [{ key: 'id_rsa', path: 'id_rsa' }] };
    await stage.kube.create(secrets, { metadata: { name: 'ssh' }, stringData: { other: 'hunter2' } });
    await stage.change(create('one', withVolume({ secret })));
    const lacking = await stage.becomes('one', 'MissingReference', failsToMount(/non-existent/));
    assert.match(messageOf(lacking), /volume "conf": references non-existent secret key: id_rsa;/);
    assert.doesNotMatch(JSON.stringify(lacking.status), /hunter2/);
    await stage.change((kube) => kube.patch(secrets, 'ssh', { stringData: { id_rsa: 'hunter3' } }));
    await stage.becomes('one', 'Running', podReady, false);
  },
);

stories.set('MissingReference for the sources of a projected volume', async (stage) => {
  const sources = [{ configMap: { name: 'settings' } }, { secret: { name: 'ssh' } }];
  await stage.change(create('one', withVolume({ projected: { sources } })));
  const lacking = await stage.becomes('one', 'MissingReference', failsToMount(/not found/));
  assert.match(messageOf(lacking), /\[configmap "settings" not found, secret "ssh" not found\]/);
});

stories.set('Starting, in the words of the kubelet, when a volume fails for another cause', async (stage) => {
  const words = 'hostPath type check failed';
  const hostPath = { path: '/no/such/folder', type: 'Directory' };
  await stage.change(create('one', withVolume({ hostPath })));
  const isTold = daemonIs((daemon) => messageOf(daemon).includes(words));
  await stage.tells('one', 'Starting', isTold, failsToMount(new RegExp(words)));
});

describe('a daemon is', { concurrency: sideBySide }, () => {
  for (const [name, story] of stories)
    test(name, (t) =>
      inNamespace(t, async (kube) => {
        for (const object of requisites) await kube.create(configMaps, object);
        await story(new Stage(kube, witness, transitions), t);
      }),
    );
});

const skip =
  process.env['STAND_IN_SHELL_IMAGE'] !== undefined &&
  'it halts the kubelet of a cluster of its own, which --context does without';

test(
  'a daemon is NodeUnreachable while its node is silent, and Running again after that',
  { skip },
  async () => {
    const { archive, ref } = await standInImage(() => undefined);
    const lab = await startCluster({ nodes: 1, images: [archive], nodeLostAfterSeconds: 6 });
    const kube = await KubeClient.connect(lab.kubeconfig);
    let operator: OperatorProcess | undefined;
    let observer: Witness | undefined;
    let recorder: Recorder | undefined;
    try {
      await installCrds(lab);
      if (process.env['RECORD']) recorder = await Recorder.start(kube, ['NodeUnreachable']);
      operator = await OperatorProcess.startFor(lab, ref);
      observer = await Witness.start(kube);
      const stage = new Stage(kube, observer, transitions);
      await stage.change(create('one'));
      await stage.becomes('one', 'Running', podReady, false);
      await stage.change(() => lab.freezeKubelet(1));
      const unknown = await stage.becomes('one', 'NodeUnreachable', podUnknown);
      assert.equal(condition(unknown, 'Active')?.status, 'Unknown');
      await stage.change(() => lab.thawKubelet(1));
      await stage.becomes('one', 'Running', podReady, false);
    } finally {
      observer?.stop();
      await recorder?.stop();
      kube.close();
      await operator?.stop();
      await lab.stop();
    }
  },
);

/** They have tests of their own, with a dispatcher. */
const ofDispatchers = new Set(['DispatcherStopped', 'WaitingForTurn']);

test('every reason was told, each in time and such that kstatus takes it for what it is', async () => {
  await transitions.judge();
  const { delaysMs, reasons } = transitions;
  const untold = Object.keys(reasonTable).filter(
    (reason) => !reasons.has(reason) && !ofDispatchers.has(reason),
  );
  assert.deepEqual(untold, skip ? ['NodeUnreachable'] : []);
  assert.ok(delaysMs.length >= 100, `only ${delaysMs.length} transitions were seen`);
  const latestMs = Math.max(...delaysMs);
  assert.ok(latestMs <= mostMs, `one was told only after ${latestMs} ms`);
});

after(async () => {
  witness.stop();
  cluster.close();
  console.log(await transitions.report());
});

function messageOf(daemon: ClariveDaemon): string {
  return condition(daemon, 'Ready')?.message ?? '';
}
