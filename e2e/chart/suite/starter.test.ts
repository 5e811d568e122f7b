/** What the role for those who start and stop daemons is good for. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { KubeClient } from '../../../test/support/kube-client.ts';
import { clariveDaemons, clariveDispatchers } from '../../../test/support/resources.ts';
import { tokenKubeconfig } from '../../../test/support/token-kubeconfig.ts';
import { daemon, untilReason } from '../../suite/daemons.ts';
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
} from '../stage.ts';

const forbidden = [
  ['patch', 'cld/purge', '--type=merge', '-p', '{"spec":{"image":"localhost/other:1"}}'],
  ['annotate', 'cld/purge', 'a=b'],
  ['delete', 'cld/purge'],
  ['delete', 'cldisp/main'],
  ['create', 'deployment', 'own', '--image=localhost/other:1'],
  ['scale', 'deployment/purge', '--replicas=0'],
  ['exec', 'deployment/purge', '--', 'true'],
  ['get', 'secrets'],
  ['get', 'pods'],
];

suite('a starter', () => {
  let kube: KubeClient;
  let folder: string;
  /** kubectl with nothing but the token of a ServiceAccount that has the role. */
  let starter: (...args: string[]) => Promise<string>;

  before(async () => {
    kube = await connect();
    folder = await mkdtemp(join(tmpdir(), 'clarive-starter-'));
    await createNamespaces(kube, systemNamespace, daemonNamespace);
    await install('clarive-operator', releaseName, systemNamespace, ...imageValues());
    await kube.create(clariveDispatchers, { metadata: { name: 'main' }, spec: {} });
    await kube.create(clariveDaemons, daemon('purge', { dispatcherRef: { name: 'main' } }));
    await untilReason({ kube }, 'purge', 'Running');
    const inNamespace = ['--namespace', daemonNamespace];
    const subject = `--serviceaccount=${daemonNamespace}:night-shift`;
    const role = `--clusterrole=${releaseName}-starter`;
    await kubectl('create', 'serviceaccount', 'night-shift', ...inNamespace);
    await kubectl('create', 'rolebinding', 'night-shift', role, subject, ...inNamespace);
    const token = (await kubectl('create', 'token', 'night-shift', ...inNamespace)).trim();
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, await tokenKubeconfig(kubectl, token), { mode: 0o600 });
    starter = (...args) => kubectl('--kubeconfig', kubeconfig, ...inNamespace, ...args);
  });
  after(async () => {
    await clear(kube);
    kube.close();
    await rm(folder, { recursive: true });
  });

  test('may read daemons and dispatchers and scale them, says kubectl', async (t) => {
    t.diagnostic(await starter('auth', 'can-i', '--list'));
    assert.deepEqual(await allowedVerbs(starter), [
      ...['get', 'list', 'watch'].map((verb) => `${verb} clarivedaemons`),
      ...['get', 'update', 'patch'].map((verb) => `${verb} clarivedaemons/scale`),
      ...['get', 'list', 'watch'].map((verb) => `${verb} clarivedispatchers`),
      ...['get', 'update', 'patch'].map((verb) => `${verb} clarivedispatchers/scale`),
    ]);
  });

  test('sees daemons, stops and starts them, one by one and together', async () => {
    assert.match(await starter('get', 'clarivedaemons'), /Running/);
    await starter('scale', 'cld/purge', '--replicas=0');
    await untilReason({ kube }, 'purge', 'Stopped');
    await starter('scale', 'cld/purge', '--replicas=1');
    await untilReason({ kube }, 'purge', 'Running');
    await starter('scale', 'cldisp/main', '--replicas=0');
    await untilReason({ kube }, 'purge', 'DispatcherStopped');
    await starter('scale', 'cldisp/main', '--replicas=1');
    await untilReason({ kube }, 'purge', 'Running');
  });

  for (const refused of forbidden)
    test(`is refused kubectl ${refused.join(' ')}`, () =>
      assert.rejects(starter(...refused), /[Ff]orbidden/));
});

/** Those of many rights that kubectl calls allowed. */
async function allowedVerbs(as: (...args: string[]) => Promise<string>): Promise<string[]> {
  const ours = ['clarivedaemons', 'clarivedispatchers'].flatMap((kind) => [
    [kind],
    [kind, 'scale'],
    [kind, 'status'],
  ]);
  const others = [['deployments'], ['deployments', 'scale'], ['pods'], ['secrets']];
  const allowed: string[] = [];
  for (const [resource = '', subresource = ''] of [...ours, ...others])
    for (const verb of ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']) {
      const question = ['auth', 'can-i', verb, resource, `--subresource=${subresource}`];
      const answer = await as(...question).catch(() => 'no'); // it ends with 1 for a no
      if (answer.trim() === 'yes')
        allowed.push(`${verb} ${[resource, subresource].filter(Boolean).join('/')}`);
    }
  return allowed;
}
