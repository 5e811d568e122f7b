/** What Flux, Argo CD and pipelines do again and again: the same objects, applied or upgraded once more, change nothing. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { chartsFolder, helm, isHook, objectsOf, type Chart } from '../../../charts/suite/helm.ts';
import { kstatusOf } from '../../../test/gitops/kstatus.ts';
import { AuditLog, isCountedWrite } from '../../../test/support/audit-log.ts';
import type { KubeClient } from '../../../test/support/kube-client.ts';
import { clariveDaemons, customResourceDefinitions } from '../../../test/support/resources.ts';
import { until } from '../../../test/support/until.ts';
import { condition, daemon, untilReason } from '../../suite/daemons.ts';
import { stateOf } from '../daemon-state.ts';
import { nameOf, restartsOf, untilLeader, untilReady } from '../operator-pods.ts';
import {
  clear,
  connect,
  createNamespaces,
  daemonNamespace,
  given,
  imageValues,
  install,
  kubectl,
  releaseName,
  systemNamespace,
  untilActive,
  untilNoPod,
} from '../stage.ts';

/** A daemon that is created to see that the operator has nothing else to do. */
const probe = 'probe';

interface Stage {
  kube: KubeClient;
  system: KubeClient;
  folder: string;
}

/** Runs tests in a cluster that has these namespaces and nothing else of ours. */
function onStage(name: string, namespaces: string[], body: (stage: Stage) => void): void {
  suite(name, () => {
    const stage = {} as Stage;
    before(async () => {
      const kube = await connect();
      const folder = await mkdtemp(join(tmpdir(), 'clarive-gitops-'));
      Object.assign(stage, { kube, system: kube.in(systemNamespace), folder });
      await createNamespaces(kube, ...namespaces);
    });
    after(async () => {
      await clear(stage.kube);
      stage.kube.close();
      await rm(stage.folder, { recursive: true });
    });
    body(stage);
  });
}

onStage('a kustomization as documented', [daemonNamespace], (stage) => {
  let folder: string;
  let daemons: string;

  before(async () => {
    ({ folder } = stage);
    daemons = join(folder, 'daemons.yaml');
    await writeFile(join(folder, 'kustomization.yaml'), await documentedKustomization(folder));
    await writeFile(daemons, await rendered('clarive-daemons', daemonNamespace));
  });

  test('is applied, and all that it has is current', async () => {
    await kubectl('apply', '--kustomize', folder);
    await untilServed(stage.kube);
    await kubectl('apply', '--filename', daemons);
    await untilSettled(stage);
    await assertCurrent('--kustomize', folder);
    await assertCurrent('--filename', daemons);
  });

  test('is applied again, and nothing changes', (t) =>
    changesNothing(stage, async () => {
      const sources = [
        ['--kustomize', folder],
        ['--filename', daemons],
      ];
      const before = await versionsOf(sources);
      const told = await Promise.all(sources.map((source) => kubectl('apply', ...source)));
      const lines = told.join('').trim().split('\n');
      // kubectl sends a patch for each PodDisruptionBudget, because its selector is replaced whole; the version tells that it is none.
      const changed = lines.filter((line) => !/ unchanged$|^poddisruptionbudget/.test(line));
      assert.deepEqual(changed, []);
      assert.deepEqual(await versionsOf(sources), before);
      t.diagnostic(`${before.length} objects`);
    }));

  test('is deleted, and with its CRDs all daemons', async () => {
    await kubectl('delete', '--kustomize', folder);
    await untilNothingIsLeft(stage);
  });
});

onStage('charts that are rendered', [systemNamespace, daemonNamespace], (stage) => {
  const files: string[] = [];

  before(async () => {
    const texts = [
      await rendered('clarive-operator-crds', systemNamespace),
      await rendered('clarive-operator', systemNamespace, ...imageValues(), '--set', 'crds.enabled=false'),
      await rendered('clarive-daemons', daemonNamespace),
    ];
    for (const [index, text] of texts.entries()) {
      const file = join(stage.folder, `${index}.yaml`);
      await writeFile(file, text);
      files.push(file);
    }
  });

  const applyAll = async () => {
    for (const [index, file] of files.entries()) {
      await kubectl('apply', '--server-side', '--filename', file);
      if (index === 0) await untilServed(stage.kube);
    }
  };

  test('are applied by server-side apply, and all that they have is current', async () => {
    await applyAll();
    await untilSettled(stage);
    for (const file of files) await assertCurrent('--filename', file);
  });

  test('are applied again, and no object gets another version', async (t) => {
    const sources = files.map((file) => ['--filename', file]);
    await changesNothing(stage, async () => {
      const before = await versionsOf(sources);
      await applyAll();
      assert.deepEqual(await versionsOf(sources), before);
      t.diagnostic(`${before.length} objects`);
    });
  });

  test('leave CRDs that Helm takes over when it is told to', async () => {
    const release = [releaseName, systemNamespace, ...imageValues()] as const;
    await kubectl('delete', '--filename', files[1] ?? '');
    await assert.rejects(install('clarive-operator', ...release), /invalid ownership metadata/);
    await install('clarive-operator', ...release, '--take-ownership', '--force-conflicts');
    await untilSettled(stage);
  });
});

onStage('releases of Helm', [systemNamespace, daemonNamespace], (stage) => {
  const ofOperator = [releaseName, join(chartsFolder, 'clarive-operator'), '--namespace', systemNamespace];
  const ofDaemons = ['clarive', join(chartsFolder, 'clarive-daemons'), '--namespace', daemonNamespace];

  test('are installed with --wait, which returns when each daemon is Ready', async () => {
    const wait = ['--wait', '--timeout=3m'];
    await install('clarive-operator', releaseName, systemNamespace, ...imageValues(), ...wait);
    await install('clarive-daemons', 'clarive', daemonNamespace, ...wait);
    const daemons = await stage.kube.list(clariveDaemons);
    assert.equal(daemons.length, 7);
    for (const one of daemons)
      assert.equal(condition(one, 'Ready')?.status, 'True', JSON.stringify(one.status));
  });

  test('are upgraded to what they are, and no pod of operator or daemons is touched', async () => {
    await untilSettled(stage);
    const before = await untilReady(stage.system);
    await changesNothing(stage, async () => {
      await helm('upgrade', ...ofOperator, ...imageValues(), '--wait');
      await helm('upgrade', ...ofDaemons, '--wait');
    });
    const after = await untilReady(stage.system);
    assert.deepEqual(after.map(nameOf), before.map(nameOf));
    assert.deepEqual(after.map(restartsOf), before.map(restartsOf));
  });

  test('are removed with everything, as documented', async () => {
    for (const line of await documentedRemoval()) {
      const [program, ...args] = line.split(' ');
      await (program === 'helm' ? helm(...args) : kubectl(...args));
    }
    await untilNothingIsLeft(stage);
  });
});

/** Throws if the state of the daemons is another afterwards, or the operator has written anything. */
async function changesNothing({ kube }: Stage, action: () => Promise<void>): Promise<void> {
  const audit = new AuditLog(given('AUDIT_LOG'));
  const before = await stateOf(kube);
  const mark = await audit.mark();
  await action();
  await kube.create(clariveDaemons, daemon(probe));
  await untilReason({ kube }, probe, 'Running');
  const writes = (await audit.since(mark, 'clarive-operator/')).filter(isCountedWrite);
  assert.ok(
    writes.some(({ name }) => name === probe),
    'The audit log has none of the writes for the probe',
  );
  assert.deepEqual(
    writes.filter(({ name }) => name !== probe),
    [],
  );
  await kubectl('delete', 'clarivedaemon', probe, '--cascade=foreground', '--namespace', daemonNamespace);
  assert.deepEqual(await stateOf(kube), before);
}

/** Waits until nothing of operator and daemons is left; a namespace may be. */
async function untilNothingIsLeft({ kube, system }: Stage): Promise<void> {
  await untilNoPod(kube, 'app.kubernetes.io/name=clarive-daemon');
  await untilNoPod(system, 'app.kubernetes.io/component=operator');
  for (const { metadata } of await kube.list(customResourceDefinitions))
    assert.doesNotMatch(metadata?.name ?? '', /\.clarive\.com$/);
  const roles = ['clusterroles,clusterrolebindings', '--selector=app.kubernetes.io/part-of=clarive'];
  assert.equal(await kubectl('get', ...roles, '--output=name'), '');
}

/** The commands of docs/install.md that remove everything. */
async function documentedRemoval(): Promise<string[]> {
  const page = await readFile(join(chartsFolder, '../docs/install.md'), 'utf8');
  const [, commands = ''] = /To remove everything[^`]*```sh\n([^`]*)```/.exec(page) ?? [];
  const lines = commands.trim().split('\n');
  assert.equal(lines.length, 5, 'The commands of docs/install.md');
  return lines;
}

/** Waits until operator, daemons and dispatcher have nothing more to do. */
async function untilSettled({ kube, system }: Stage): Promise<void> {
  await untilLeader(system, await untilReady(system));
  await untilActive(kube, 7);
  const ours = ['clarivedaemons,clarivedispatchers', '--all', '--namespace', daemonNamespace];
  await kubectl('wait', '--for=condition=Ready', '--timeout=60s', ...ours);
}

/** Throws if kstatus calls one of the objects anything but current. */
async function assertCurrent(...which: string[]): Promise<void> {
  const { items } = JSON.parse(await kubectl('get', ...which, '--output=json')) as { items: Stored[] };
  const verdicts = await kstatusOf(items);
  const others = items.flatMap(({ kind, metadata }, index) =>
    verdicts[index] === 'Current' ? [] : [`${kind} ${metadata.name} is ${verdicts[index]}`],
  );
  assert.deepEqual(others, []);
}

/** Waits until the API server knows the kinds of the CRDs. */
async function untilServed(kube: KubeClient): Promise<void> {
  for (const name of ['clarivedaemons.clarive.com', 'clarivedispatchers.clarive.com'])
    await until(
      kube,
      customResourceDefinitions,
      name,
      ({ status }) =>
        status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True') ??
        false,
      { timeoutMs: 30_000, describe: `${name} to be Established` },
    );
}

/** The example of docs/install.md, with the base in this checkout and the images of this cluster. */
async function documentedKustomization(folder: string): Promise<string> {
  const page = await readFile(join(chartsFolder, '../docs/install.md'), 'utf8');
  const [, example = ''] = /```yaml\n(# kustomization\.yaml\n[^]*?)```/.exec(page) ?? [];
  const [repository = '', tag = ''] = given('OPERATOR_IMAGE').split(':');
  const here: [RegExp, string][] = [
    [/https:.*\/charts\/kustomize.*/, relative(folder, join(chartsFolder, 'kustomize'))],
    [/(newName: ).*/, `$1${repository}`],
    [/(newTag: ).*/, `$1${tag}`],
    [/(--default-image=).*/, `$1${given('DEFAULT_IMAGE')}`],
    [/(--run-as-user=).*/, '$11000'],
  ];
  return here.reduce((text, [from, to]) => {
    assert.match(text, from, 'The example of docs/install.md');
    return text.replace(from, to);
  }, example);
}

/** What a pipeline would apply: the chart's objects without those of `helm test`. */
async function rendered(chart: Chart, namespace: string, ...args: string[]): Promise<string> {
  const manifest = await helm('template', chart, chart, '--namespace', namespace, ...args);
  const items = objectsOf(manifest).filter((object) => !isHook(object));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

interface Stored {
  kind: string;
  metadata: { name: string; resourceVersion: string };
}

/** The resource version of each object that kubectl finds there. */
async function versionsOf(sources: string[][]): Promise<string[]> {
  const lists = await Promise.all(sources.map((source) => kubectl('get', ...source, '--output=json')));
  return lists.flatMap((list) =>
    (JSON.parse(list) as { items: Stored[] }).items.map(
      ({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion}`,
    ),
  );
}
