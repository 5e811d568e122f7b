/**
 * Objects that were stored under the first CRD, before there were dispatchers, drains and several rules: under the present CRD they
 * are valid, can be changed, and run or stand still as before.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import { richTemplate } from '../../test/api/rich-template.ts';
import { KubeError } from '../../test/support/kube-client.ts';
import { clariveDaemons, deployments, pods } from '../../test/support/resources.ts';
import { run } from '../host/run.ts';
import { waitFor } from '../host/wait-for.ts';
import { condition, untilReason } from './daemons.ts';
import { withKubectl, type Given } from './kubectl.ts';
import { OwnOperator, ownOperatorLabel } from './own-operator.ts';

const firstCrd = join(import.meta.dirname, 'fixtures/first-crd.yaml');
const presentCrd = join(import.meta.dirname, '../../crds/clarivedaemons.yaml');
const skip = process.env['OWN_CRDS'] === undefined && 'the CRDs of this cluster belong to somebody else';

const longest = 'a'.repeat(63);

/** What was stored, by name, with the state that it is to be in. */
const stored: Record<string, [spec: object, state: string]> = {
  running: [{ service: 'service.sem.daemon' }, 'Running'],
  stopped: [{ service: 'service.purge.daemon', replicas: 0 }, 'Stopped'],
  alias: [{ service: 'service.schedule daemon', replicas: 1 }, 'Running'],
  job: [{ service: 'service.job.daemon', config: { frequency: 5 } }, 'Running'],
  overlay: [
    {
      service: 'service.event.daemon',
      template: {
        metadata: { labels: { team: 'release' }, annotations: { 'example.com/note': 'mine' } },
        spec: {
          containers: [
            { name: 'daemon', resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { cpu: 1 } } },
          ],
          volumes: [{ name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } }],
        },
      },
    },
    'Running',
  ],
  [longest]: [
    {
      service: 'service.plugin',
      id: `${'B'.repeat(61)}_9`,
      args: Array.from({ length: 100 }, (_, index) => `--option-${index}`),
      env: Array.from({ length: 100 }, (_, index) => ({ name: `VARIABLE_${index}`, value: `${index}` })),
      config: {
        text: 'x'.repeat(60_000),
        most: Number.MAX_SAFE_INTEGER,
        deep: { deeper: { list: [1, 'a', null] } },
      },
    },
    'Running',
  ],
  everything: [{ service: 'service.plugin', replicas: 0, template: richTemplate }, 'Stopped'],
  // Refused by now, and yet to be read, changed and deleted.
  negative: [
    {
      service: 'service.daemon.email',
      replicas: 0,
      image: 'clarive 7',
      template: { spec: { terminationGracePeriodSeconds: -1 } },
    },
    'Stopped',
  ],
};

function stateOf(name: string): string {
  return stored[name]?.[1] ?? '';
}

/** Installs a CRD as the instructions say, and returns when the API server goes by it and has read again what is stored. */
async function use(which: 'first' | 'present', given: Given): Promise<void> {
  const file = which === 'first' ? firstCrd : presentCrd;
  await run(process.env['KUBECTL'] ?? 'kubectl', ['apply', '--server-side', '--force-conflicts', '-f', file]);
  const isServed = () =>
    served(given).then(
      (crd) => crd === which,
      (error: unknown) => {
        if (error instanceof KubeError && error.code === 429) return false; // "storage is (re)initializing"
        throw error;
      },
    );
  await waitFor(isServed, { what: `the ${which} CRD to be served`, timeoutMs: 30_000 });
}

/** Told by a field that the first CRD did not have. */
async function served({ kube }: Given): Promise<'first' | 'present'> {
  const probe = { metadata: { name: 'probe' }, spec: { service: 'service.plugin', drain: {} } };
  const query = { dryRun: 'All', fieldValidation: 'Strict' };
  const crd = await kube.create(clariveDaemons, probe, { query }).then(
    () => 'present' as const,
    (error: unknown) => {
      if (error instanceof KubeError && error.code === 400) return 'first' as const;
      throw error;
    },
  );
  await kube.list(clariveDaemons);
  return crd;
}

function create({ kube }: Given, name: string, spec: object): Promise<ClariveDaemon> {
  const { apiVersion, kind } = clariveDaemons;
  const metadata = { name, labels: { [ownOperatorLabel]: '' } };
  const query = { fieldValidation: 'Strict' };
  return kube.create(clariveDaemons, { apiVersion, kind, metadata, spec } as ClariveDaemon, { query });
}

/** A CRD is changed for all namespaces, so that no daemon of another test may be left. */
async function untilNoDaemonIsLeft({ kube }: Given): Promise<void> {
  const call = { method: 'GET', path: `/apis/${clariveDaemons.apiVersion}/${clariveDaemons.plural}` };
  const isEmpty = async () => ((await kube.call(call)) as { items: object[] }).items.length === 0;
  await waitFor(isEmpty, { what: 'the daemons of other tests to be gone', timeoutMs: 60_000 });
}

async function specs({ kube }: Given): Promise<object> {
  const daemons = await kube.list(clariveDaemons);
  return Object.fromEntries(daemons.map(({ metadata, spec }) => [metadata.name, spec]));
}

/** All that tells whether a daemon has been touched. */
async function runState({ kube }: Given): Promise<object> {
  const daemons = (await kube.list(clariveDaemons)).map((daemon) => [
    daemon.metadata.name,
    daemon.metadata.uid,
    condition(daemon, 'Ready')?.reason,
    condition(daemon, 'Active')?.status,
  ]);
  const children = (await kube.list(deployments)).map(({ metadata, spec }) => {
    const { name, uid, generation } = metadata ?? {};
    return { name, uid, generation, replicas: spec?.replicas, template: spec?.template };
  });
  const running = (await kube.list(pods)).map(({ metadata, status }) => {
    const { name, uid, deletionTimestamp } = metadata ?? {};
    return { name, uid, deletionTimestamp, restarts: status?.containerStatuses?.[0]?.restartCount };
  });
  return { daemons, children, running };
}

test('objects stored under the first CRD keep their run state under the present one', { skip }, (t) =>
  withKubectl(t, async (given) => {
    const { kube, kubectl } = given;
    const names = Object.keys(stored);
    await untilNoDaemonIsLeft(given);
    try {
      await use('first', given);
      for (const [name, [spec]] of Object.entries(stored)) await create(given, name, spec);
      const written = await specs(given);

      await OwnOperator.run(given, async (operator) => {
        for (const name of names) await untilReason(given, name, stateOf(name));
        const before = await runState(given);
        await operator.stop();

        await use('present', given);
        assert.deepEqual(await specs(given), written, 'What is stored reads as it was written');
        for (const name of names) {
          const object = await kube.get(clariveDaemons, name);
          await kube.replace(clariveDaemons, object, { query: { dryRun: 'All' } });
          const change = { spec: { paused: true, drain: { timeoutSeconds: 60 } } };
          await kube.patch(clariveDaemons, name, change, { query: { dryRun: 'All' } });
        }

        await operator.start();
        for (const paused of [true, false]) {
          await kubectl(
            'patch',
            'cld',
            ...names,
            '--type=merge',
            '--patch',
            JSON.stringify({ spec: { paused } }),
          );
          for (const name of names) await untilReason(given, name, stateOf(name));
        }
        assert.deepEqual(await runState(given), before);

        await kubectl('scale', 'cld/running', '--replicas=0');
        await untilReason(given, 'running', 'Stopped');
        await kubectl('scale', 'cld/stopped', '--replicas=1');
        await untilReason(given, 'stopped', 'Running');
        await kubectl(
          'patch',
          'cld/negative',
          '--type=merge',
          '--patch',
          '{"spec":{"config":{"frequency":9}}}',
        );
        await untilReason(given, 'negative', 'Stopped');
        await kubectl('delete', 'cld', '--all');
      });
    } finally {
      await use('present', given);
    }
  }),
);
