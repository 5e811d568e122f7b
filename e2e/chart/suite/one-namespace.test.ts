/** An operator with rights in one namespace only, installed by somebody without rights beyond it. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { helm } from '../../../charts/suite/helm.ts';
import type { KubeClient } from '../../../test/support/kube-client.ts';
import { waitFor } from '../../host/wait-for.ts';
import { judge, secondsSince } from '../figures.ts';
import { restartsOf, untilLeader, untilReady } from '../operator-pods.ts';
import {
  clear,
  connect,
  createNamespaces,
  daemonNamespace,
  imageValues,
  install,
  kubectl,
  releaseName,
  systemNamespace,
  untilActive,
} from '../stage.ts';

suite('an operator of one namespace', () => {
  let kube: KubeClient;

  before(async () => {
    kube = await connect();
    await createNamespaces(kube, systemNamespace, daemonNamespace);
  });
  after(async () => {
    await clear(kube);
    kube.close();
  });

  test('is installed by an administrator of that namespace and has seven daemons Active within a minute', async (t) => {
    const startedAtMs = performance.now();
    await install('clarive-operator-crds', 'clarive-operator-crds', systemNamespace);
    await waitFor(isClariveServed, { what: 'the API server to serve the CRDs', timeoutMs: 30_000 });
    await grantInstallation();
    const asInstaller = ['--kube-as-user=installer'];
    const scope = `watchNamespaces={${daemonNamespace}},crds.enabled=false,rbac.userRoles=false`;
    const values = [...imageValues(), '--set', scope];
    await install('clarive-operator', releaseName, daemonNamespace, ...values, ...asInstaller);
    await install('clarive-daemons', 'clarive', daemonNamespace, ...asInstaller);
    await untilActive(kube, 7);
    judge(t, 'from helm install to seven Active', {
      value: secondsSince(startedAtMs),
      atMost: 60,
      unit: 's',
    });

    for (const pod of await untilReady(kube)) assert.equal(restartsOf(pod), 0);
    await untilLeader(kube, await untilReady(kube));
    const made = await kubectl(
      'get',
      'clusterroles,clusterrolebindings',
      '--selector=app.kubernetes.io/part-of=clarive',
      '-o',
      'name',
    );
    assert.equal(made, '');
  });

  test('passes helm test', async () => {
    const output = await helm(
      'test',
      releaseName,
      '--namespace',
      daemonNamespace,
      '--kube-as-user=installer',
    );
    assert.match(output, /Phase: +Succeeded/);
  });
});

/** kubectl grants rights on what the API server's discovery shows, which comes a moment after a CRD. */
async function isClariveServed(): Promise<boolean> {
  const served = await kubectl('api-resources', '--api-group=clarive.com', '--output=name');
  return ['clarivedaemons', 'clarivedispatchers'].every((plural) => served.includes(plural));
}

/** What docs/install.md asks for somebody who may install the operator into one namespace. */
async function grantInstallation(): Promise<void> {
  const user = ['--user=installer', '--namespace', daemonNamespace];
  const role = 'clarive-operator-installer';
  const resources = [
    ...['', '/status', '/scale', '/finalizers'].map(
      (subresource) => `clarivedaemons.clarive.com${subresource}`,
    ),
    ...['', '/status', '/scale'].map((subresource) => `clarivedispatchers.clarive.com${subresource}`),
  ];
  await kubectl('create', 'rolebinding', 'installer-admin', '--clusterrole=admin', ...user);
  const rights = ['--verb=*', `--resource=${resources.join(',')}`, '--namespace', daemonNamespace];
  await kubectl('create', 'role', role, ...rights);
  await kubectl('create', 'rolebinding', role, `--role=${role}`, ...user);
}
