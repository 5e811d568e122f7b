import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import { aDaemon } from '../support/builders.ts';
import { Scene } from './scene.ts';

const claim = (name: string) => ({ name, persistentVolumeClaim: { claimName: name } });
const volumes = ['jobs', 'logs', 'repo', 'tmp'].map(claim);
const mount = (name: string) => ({ name: 'data', mountPath: `/opt/clarive/${name}`, subPath: name });
const noVolumes = (names: string) =>
  `Warning EphemeralDirectory: No lasting volume is given for ${names}: the daemon gets an empty directory of its own ` +
  'there, and what it leaves there is lost with the pod. Add volumes of these names to spec.template, here or of its dispatcher';

const rows: [name: string, spec: Partial<ClariveDaemonSpec>, warnings: string[]][] = [
  ['says nothing of a daemon that needs no directory', { service: 'service.sem.daemon' }, []],
  ['says nothing of a daemon that only reads them', { service: 'service.daemon.email' }, []],
  [
    'warns of jobs and repositories that end with the pod',
    { service: 'service.job.daemon' },
    [noVolumes('"jobs", "repo"')],
  ],
  [
    'warns of repositories alone that end with the pod',
    { service: 'service.schedule daemon', template: { spec: { volumes: [claim('jobs')] } } },
    [noVolumes('"repo"')],
  ],
  ['warns of a purge of directories that nobody else has', {}, [noVolumes('"jobs", "logs", "tmp"')]],
  ['says nothing of a daemon with all volumes', { template: { spec: { volumes } } }, []],
  [
    'says nothing of a daemon with one volume for all directories',
    {
      template: {
        spec: {
          volumes: [claim('data')],
          containers: [{ name: 'daemon', volumeMounts: ['jobs', 'logs', 'tmp'].map(mount) }],
        },
      },
    },
    [],
  ],
  [
    'warns of a service that is not known',
    { service: 'service.plugin', template: { spec: { volumes } } },
    [
      'Warning UnknownService: The operator does not know "service.plugin": it gets every directory, 60 seconds to end, ' +
        'and no drain. If it needs more, set spec.template and spec.drain',
    ],
  ],
  [
    'warns of a service that does not keep running',
    { service: 'service.topic.inactivity_daemon' },
    [
      'Warning UnsuitableService: service.topic.inactivity_daemon: In the known versions of Clarive it does nothing and ' +
        'ends at once, so it never becomes active',
    ],
  ],
];

for (const [name, spec, warnings] of rows)
  test(name, async () => {
    const scene = new Scene();
    await scene.visit(scene.cluster.putDaemon(aDaemon(spec)));
    const { events, messages } = scene.cluster;
    assert.deepEqual(
      events.map((event, index) => `${event}: ${messages[index]}`),
      warnings,
    );
  });

const warned = 'Warning EphemeralDirectory';

test('warns once, and again only after a change of the pod', async () => {
  const scene = new Scene();
  const key = scene.cluster.putDaemon();
  await scene.settle(key);
  assert.deepEqual(scene.cluster.events, [warned, 'Normal Running']);
  scene.restartOperator();
  for (const change of [{ replicas: 0 }, { replicas: 1 }]) {
    scene.cluster.editDaemon(key, change);
    await scene.settle(key);
  }
  scene.cluster.deleteChild(key);
  await scene.settle(key);
  assert.equal(scene.cluster.events.filter((event) => event === warned).length, 1);
  scene.cluster.editDaemon(key, { args: ['--debug'] });
  await scene.settle(key);
  assert.equal(scene.cluster.events.filter((event) => event === warned).length, 2);
});

test('does not warn of what is not written', async () => {
  const scene = new Scene();
  await scene.settle(scene.cluster.putDaemon(aDaemon({ paused: true })));
  assert.equal(scene.cluster.events.includes(warned), false);
});
