/** What a ClariveDispatcher may be, and what the API server makes of it. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ClariveDispatcher, ClariveDispatcherStatus } from '../../src/api/clarive-dispatcher.ts';
import { inNamespace } from '../support/in-namespace.ts';
import type { KubeClient } from '../support/kube-client.ts';
import { clariveDaemons, clariveDispatchers, type Scale } from '../support/resources.ts';
import { refusal, type Spec } from './create.ts';
import { installation } from './manifests.ts';
import { richTemplate } from './rich-template.ts';
import { tableRow } from './table-row.ts';

const service = 'service.job.daemon';
const lastTransitionTime = '2026-01-01T00:00:00Z';
const observed = { message: '', observedGeneration: 1, lastTransitionTime };
const status: ClariveDispatcherStatus = {
  observedGeneration: 1,
  replicas: 1,
  selector: 'clarive.com/dispatcher=main',
  active: '6/7',
  daemons: { attached: 7, active: 6, stopped: 1, waiting: 0, stalled: 0 },
  conditions: [
    { type: 'Ready', status: 'True', reason: 'Running', ...observed },
    { type: 'Reconciling', status: 'False', reason: 'Running', ...observed },
  ],
};

function create(kube: KubeClient, spec: Spec, name = 'main'): Promise<ClariveDispatcher> {
  const body = { metadata: { name }, spec };
  return kube.create<ClariveDispatcher>(clariveDispatchers, body, { query: { fieldValidation: 'Strict' } });
}

suite('a new ClariveDispatcher', () => {
  const everything = {
    replicas: 0,
    image: 'registry.example.com/clarive:7',
    environment: 'prod_1.eu-west',
    env: [{ name: 'TZ', value: 'Europe/Madrid' }],
    envFrom: [{ secretRef: { name: 'mongo' } }],
    config: { mongo: { client: { port: 27017 }, 'a.b c': '{{X}}' }, nothing: null },
    services: [{ service, image: 'registry.example.com/job:7', config: { frequency: 10, deep: { a: [1] } } }],
  };
  const accepted: { what: string; name?: string; spec: Spec }[] = [
    { what: 'nothing at all', spec: {} },
    { what: 'every field', spec: everything },
    { what: 'a name of 63 characters', name: 'n'.repeat(63), spec: {} },
    {
      what: "the manual's name of the scheduler",
      spec: { services: [{ service: 'service.schedule daemon' }] },
    },
  ];
  for (const { what, name, spec } of accepted) {
    test(`may have ${what}`, (t) =>
      inNamespace(t, async (kube) => {
        assert.deepEqual((await create(kube, spec, name)).spec, { replicas: 1, ...spec });
      }));
  }

  test('may be the sample, with its daemons', (t) =>
    inNamespace(t, async (kube) => {
      const [dispatcher, ...daemons] = await installation();
      const query = { fieldValidation: 'Strict' };
      const created = await kube.create<ClariveDispatcher>(clariveDispatchers, dispatcher, { query });
      assert.deepEqual(created.spec, { replicas: 1, ...dispatcher.spec });
      for (const daemon of daemons) await kube.create(clariveDaemons, daemon, { query });
    }));

  test('keeps the whole pod template, and only gains the protocol of ports', (t) =>
    inNamespace(t, async (kube) => {
      const { spec } = await create(kube, { template: richTemplate });
      const expected = structuredClone(richTemplate);
      for (const port of expected.spec.containers[0]?.ports ?? []) Object.assign(port, { protocol: 'TCP' });
      assert.deepEqual(spec.template, expected);
    }));

  const badService =
    'must be a registry key of Clarive: `service.`, then letters, digits, `_` or `.`, and a letter or digit at the end, for example `service.job.daemon`';
  const badEnvironment =
    'must be letters, digits, `_`, `-` or `.`, and begin with a letter, digit or `_`, because a file is named after it';
  const template = (container: Spec): Spec => ({
    template: { spec: { containers: [{ name: 'daemon', ...container }] } },
  });
  const container = 'spec.template.spec.containers[0]';
  const refused: { what: string; name?: string; spec: Spec; says: string }[] = [
    {
      what: 'replicas 2',
      spec: { replicas: 2 },
      says: 'spec.replicas: Invalid value: 2: must be 0 to stop all attached daemons, or 1 to let each follow its own switch',
    },
    {
      what: 'a name of 64 characters',
      name: 'n'.repeat(64),
      spec: {},
      says: "metadata.name: Invalid value: must be no longer than 63 characters, because it becomes a label of the daemons' pods; choose a shorter name",
    },
    { what: 'an empty image', spec: { image: '' }, says: 'spec.image: Invalid value: ""' },
    ...['', '../prod', '-x', 'a b'].map((environment) => ({
      what: `environment "${environment}"`,
      spec: { environment },
      says: `spec.environment: Invalid value: "${environment}": ${badEnvironment}`,
    })),
    {
      what: 'an entry without service',
      spec: { services: [{}] },
      says: 'spec.services[0].service: Required value',
    },
    {
      what: 'an entry for what is no service',
      spec: { services: [{ service: 'job' }] },
      says: `spec.services[0].service: Invalid value: "job": ${badService}`,
    },
    {
      what: 'two entries for one service',
      spec: { services: [{ service }, { service }] },
      says: `spec.services[1]: Duplicate value: {"service":"${service}"}`,
    },
    {
      what: 'the scheduler under both of its names',
      spec: { services: [{ service: 'service.scheduler' }, { service: 'service.schedule daemon' }] },
      says: 'spec.services: Invalid value: must not name the scheduler twice; `service.schedule daemon` means `service.scheduler`, so put both entries into one',
    },
    {
      what: 'the image of container daemon',
      spec: template({ image: 'clarive:7' }),
      says: `${container}.image: Forbidden: must be left out of container \`daemon\`; set \`spec.image\` instead`,
    },
    {
      what: 'the args of container daemon',
      spec: template({ args: ['-v'] }),
      says: `${container}.args: Forbidden: must be left out of container \`daemon\`; set the daemon's \`spec.args\` instead`,
    },
    { what: 'a field that does not exist', spec: { daemons: [] }, says: 'unknown field "spec.daemons"' },
  ];
  for (const { what, name, spec, says } of refused) {
    test(`may not have ${what}`, (t) =>
      inNamespace(t, (kube) => assert.rejects(create(kube, spec, name), refusal(says))));
  }
});

suite('an existing ClariveDispatcher', () => {
  test('gets its env and services by name from several owners', (t) =>
    inNamespace(t, async (kube) => {
      await create(kube, {});
      const apply = (fieldManager: string, spec: Spec) =>
        kube.apply(clariveDispatchers, { metadata: { name: 'main' }, spec }, { fieldManager });
      await apply('first', { env: [{ name: 'A', value: '1' }], services: [{ service, image: 'a' }] });
      const { spec } = await apply('second', {
        env: [{ name: 'B', value: '2' }],
        services: [{ service, config: { frequency: 5 } }, { service: 'service.sem.daemon' }],
      });
      assert.deepEqual(spec.env, [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ]);
      assert.deepEqual(spec.services, [
        { service, image: 'a', config: { frequency: 5 } },
        { service: 'service.sem.daemon' },
      ]);
    }));

  test('is stopped and started by its scale, which shows replicas and selector of the status', (t) =>
    inNamespace(t, async (kube) => {
      await create(kube, {});
      await kube.patch(clariveDispatchers, 'main', { status }, { subresource: 'status' });
      const { spec, ...scale } = await kube.getSubresource<Scale>(clariveDispatchers, 'main', 'scale');
      assert.deepEqual(spec, { replicas: 1 });
      assert.deepEqual(scale.status, { replicas: status.replicas, selector: status.selector });
      for (const replicas of [0, 1]) {
        await kube.scale(clariveDispatchers, 'main', replicas);
        assert.equal((await kube.get(clariveDispatchers, 'main')).spec.replicas, replicas);
      }
    }));

  test('keeps its status whole, and shows it in the columns of kubectl get', (t) =>
    inNamespace(t, async (kube) => {
      await create(kube, { image: 'clarive:7', environment: 'prod' });
      const options = { subresource: 'status', query: { fieldValidation: 'Strict' } };
      const stored = await kube.patch(clariveDispatchers, 'main', { status }, options);
      assert.deepEqual(stored.status, status);
      const { Age, Since, ...cells } = await tableRow(kube.path(clariveDispatchers, 'main'));
      assert.match(String(Age), /^\d+s$/);
      assert.match(String(Since), /^\d+d$/);
      assert.deepEqual(cells, {
        Name: 'main',
        Active: '6/7',
        State: 'Running',
        Image: 'clarive:7',
        Environment: 'prod',
      });
    }));
});
