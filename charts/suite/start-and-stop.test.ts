/** The script of `helm test`, with the rights that the chart gives it, where no daemon can start because there is no node. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { run } from '../../e2e/host/run.ts';
import type { OperatorProcess } from '../../e2e/operator-process.ts';
import { clariveDaemons, deployments } from '../../test/support/resources.ts';
import { until } from '../../test/support/until.ts';
import { chartsFolder, isHook, objectsOf, releaseNamespace, template, type Rendered } from './helm.ts';
import { Stage } from './stage.ts';

const script = join(chartsFolder, 'clarive-operator/files/start-and-stop.mjs');
const name = 'clarive-operator-test';

suite('the script of helm test', () => {
  let stage: Stage;
  let operator: OperatorProcess;
  let folder: string;

  before(async () => {
    stage = await Stage.start();
    folder = await mkdtemp(join(tmpdir(), 'clarive-helm-test-'));
    operator = await stage.startOperator(await stage.install());
    const hooks = await testObjects();
    await stage.apply(hooks.filter(({ kind }) => kind !== 'Pod' && kind !== 'ConfigMap'));
    await writeFile(join(folder, 'daemon.json'), manifestOf(hooks));
    await writeFile(join(folder, 'token'), await tokenOf(stage));
    await writeFile(join(folder, 'ca.crt'), (await clusterOf(stage)).authority);
  });
  after(async () => {
    await operator?.stop();
    await stage?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const runScript = async (timeoutSeconds: number) => {
    const { hostname, port } = (await clusterOf(stage)).server;
    const files = [join(folder, 'daemon.json'), String(timeoutSeconds), join(folder, 'token')];
    const env = {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt'),
    };
    await run(process.execPath, [script, ...files], { env });
  };

  test('gives up at once where its daemon is in the way of another, says why and deletes it', async () => {
    const mine = {
      apiVersion: 'clarive.com/v1',
      kind: 'ClariveDaemon',
      metadata: { name: 'semaphore' },
    } as const;
    await stage.kube.create(clariveDaemons, { ...mine, spec: { service: 'service.sem.daemon' } });
    await until(stage.kube, deployments, 'semaphore', Boolean, { describe: 'the first daemon to be seen' });
    await assert.rejects(runScript(30), /does not become active: Conflict .*"semaphore"/);
    assert.equal(await stage.kube.find(clariveDaemons, name), undefined);
    await stage.kube.delete(clariveDaemons, 'semaphore');
  });

  test('gives up in time where its daemon does not start, says how far it got and deletes it', async () => {
    await assert.rejects(runScript(3), /is not active after 3 s: \w+ /);
    assert.equal(await stage.kube.find(clariveDaemons, name), undefined);
  });
});

/** What `helm test` creates for a daemon in the namespace of the stage. */
async function testObjects(): Promise<Rendered[]> {
  const args = ['--set', 'test.namespace=clarive'];
  return objectsOf(await template({ chart: 'clarive-operator', args })).filter(isHook);
}

function manifestOf(hooks: Rendered[]): string {
  const map = hooks.find(({ kind }) => kind === 'ConfigMap') as Rendered & { data: Record<string, string> };
  return map.data['daemon.json'] ?? '';
}

async function tokenOf(stage: Stage): Promise<string> {
  return (await stage.kubectl('create', 'token', name, '--namespace', releaseNamespace)).trim();
}

/** Address and certificate authority of the API server. */
async function clusterOf(stage: Stage): Promise<{ server: URL; authority: string }> {
  const view = await stage.kubectl('config', 'view', '--raw', '--minify', '--flatten', '--output=json');
  const [{ cluster }] = (JSON.parse(view) as Kubeconfig).clusters;
  const authority = Buffer.from(cluster['certificate-authority-data'], 'base64').toString();
  return { server: new URL(cluster.server), authority };
}

interface Kubeconfig {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
}
