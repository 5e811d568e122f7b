import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { V1Container } from '@kubernetes/client-node';
import type { ClariveDaemon } from '../../src/api/clarive-daemon.ts';
import type { Deployment, ObjectMeta } from '../../src/api/kubernetes.ts';
import {
  appliedAnnotation,
  configAnnotation,
  instanceLabel,
  managedByLabel,
  nameLabel,
  restartedAtAnnotation,
  serviceLabel,
} from '../../src/api/labels.ts';
import { desiredDeployment, wantedReplicas } from '../../src/desired/deployment.ts';
import type { DaemonDefaults } from '../../src/desired/settings.ts';
import { aDaemon } from '../support/builders.ts';

const defaults: DaemonDefaults = { image: 'clarive:7', images: {}, environment: 'clarive' };

function render(daemon: ClariveDaemon, given: Partial<DaemonDefaults> = {}, childRestartedAt?: string) {
  const desired = desiredDeployment(daemon, { ...defaults, ...given }, { childRestartedAt });
  if ('invalid' in desired) assert.fail(desired.invalid);
  return desired;
}

function deploymentOf(daemon: ClariveDaemon, given: Partial<DaemonDefaults> = {}): Deployment {
  return render(daemon, given).deployment;
}

function podSpecOf(daemon: ClariveDaemon): Deployment['spec']['template']['spec'] {
  return deploymentOf(daemon).spec.template.spec;
}

function containerOf(daemon: ClariveDaemon): V1Container {
  const container = podSpecOf(daemon).containers.find(({ name }) => name === 'daemon');
  assert.ok(container);
  return container;
}

function invalidity(daemon: ClariveDaemon, given: DaemonDefaults = defaults): string {
  const desired = desiredDeployment(daemon, given);
  assert.ok('invalid' in desired, 'the daemon was accepted');
  return desired.invalid;
}

describe('start and stop', () => {
  test('one replica runs the daemon', () => {
    assert.equal(deploymentOf(aDaemon({ replicas: 1 })).spec.replicas, 1);
  });

  test('no replica stops it', () => assert.equal(deploymentOf(aDaemon({ replicas: 0 })).spec.replicas, 0));

  test('a daemon runs unless it says otherwise', () => {
    const daemon = aDaemon();
    delete daemon.spec.replicas;
    assert.equal(wantedReplicas(daemon, undefined), 1);
  });

  test('neither changes anything else', () => {
    const [running, stopped] = [render(aDaemon({ replicas: 1 })), render(aDaemon({ replicas: 0 }))];
    assert.equal(running.digest, stopped.digest);
    assert.deepEqual(running.deployment.spec.template, stopped.deployment.spec.template);
  });
});

describe('the image', () => {
  const images = { 'service.purge.daemon': 'purge:7', 'service.scheduler': 'scheduler:7' };
  const rows: { name: string; daemon: ClariveDaemon; given: Partial<DaemonDefaults>; image: string }[] = [
    {
      name: "is the daemon's own first",
      daemon: aDaemon({ image: 'own:1' }),
      given: { images },
      image: 'own:1',
    },
    { name: 'is the one for the service second', daemon: aDaemon(), given: { images }, image: 'purge:7' },
    {
      name: 'for a service is found under its canonical key',
      daemon: aDaemon({ service: 'service.schedule daemon' }),
      given: { images },
      image: 'scheduler:7',
    },
    { name: "is the operator's default last", daemon: aDaemon(), given: {}, image: 'clarive:7' },
  ];
  for (const { name, daemon, given, image } of rows)
    test(name, () => {
      const { deployment, image: resolved } = render(daemon, given);
      assert.equal(resolved, image);
      assert.equal(deployment.spec.template.spec.containers[0]?.image, image);
    });

  test('that nobody names makes the daemon invalid', () => {
    assert.equal(
      invalidity(aDaemon(), { images: {}, environment: 'clarive' }),
      'No image is known for "service.purge.daemon": set spec.image, or a default image in the operator\'s configuration',
    );
  });
});

describe('what the child is known by', () => {
  test('its name and namespace are those of the daemon, which owns it', () => {
    const { name, namespace, ownerReferences } = deploymentOf(aDaemon()).metadata;
    assert.deepEqual([name, namespace], ['purge', 'clarive']);
    assert.deepEqual(ownerReferences, [
      {
        apiVersion: 'clarive.com/v1',
        kind: 'ClariveDaemon',
        name: 'purge',
        uid: '0b8f7c5e-0000-4000-8000-000000000001',
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
  });

  test('its selector is name and instance, which its pods carry', () => {
    const { selector, template } = deploymentOf(aDaemon()).spec;
    assert.deepEqual(selector.matchLabels, { [nameLabel]: 'clarive-daemon', [instanceLabel]: 'purge' });
    assert.partialDeepStrictEqual(template.metadata.labels, selector.matchLabels);
  });

  test('the label of the service is the canonical key, on the child and on its pods', () => {
    const { metadata, spec } = deploymentOf(aDaemon({ service: 'service.schedule daemon' }));
    assert.equal(metadata.labels?.[serviceLabel], 'service.scheduler');
    assert.equal(spec.template.metadata.labels[serviceLabel], 'service.scheduler');
  });

  test('labels and annotations of the daemon are not copied, because Argo CD would prune what carries them', () => {
    const metadata: Partial<ObjectMeta> = { labels: { team: 'a' }, annotations: { note: 'b' } };
    assert.deepEqual(deploymentOf(aDaemon({ metadata })), deploymentOf(aDaemon()));
  });

  test('an annotation holds the digest', () => {
    const { deployment, digest } = render(aDaemon());
    assert.deepEqual(deployment.metadata.annotations, { [appliedAnnotation]: digest });
  });

  test('a daemon without namespace and uid, as a file holds it, can be rendered too', () => {
    const { spec, apiVersion, kind } = aDaemon();
    const { metadata } = deploymentOf({ apiVersion, kind, spec, metadata: { name: 'purge' } });
    assert.equal('namespace' in metadata, false);
    assert.equal(metadata.ownerReferences?.[0]?.uid, '');
  });
});

describe('the command line', () => {
  test('runs the service under the init, with the name of the daemon as its identity', () => {
    const { command, args } = containerOf(aDaemon());
    assert.deepEqual(command?.slice(0, 2), ['sh', '-c']);
    assert.deepEqual(command?.slice(3), ['clarive-init']);
    assert.deepEqual(args, [
      'terminate',
      '0',
      '--',
      '/opt/clarive/clarive/bin/cla',
      'service.purge.daemon',
      '-c',
      'clarive',
      '--id',
      'purge',
    ]);
  });

  test('takes the identity and further arguments from the daemon', () => {
    const { args } = containerOf(aDaemon({ id: 'job-1', args: ['--frequency', '5'] }));
    assert.deepEqual(args?.slice(-4), ['--id', 'job-1', '--frequency', '5']);
  });

  test('never puts what a user wrote into the script', () => {
    assert.deepEqual(
      containerOf(aDaemon({ id: 'x', args: ['$(reboot)'], service: 'service.x' })).command,
      containerOf(aDaemon()).command,
    );
  });
});

describe('a stop', () => {
  const job = { service: 'service.job.daemon' };
  const initArguments = (daemon: ClariveDaemon) => containerOf(daemon).args?.slice(0, 3);
  const grace = (seconds: number) => ({ spec: { terminationGracePeriodSeconds: seconds } });
  const drain = (timeoutSeconds: number) => ({ drain: { timeoutSeconds } });

  const rows: [name: string, spec: Partial<ClariveDaemon['spec']>, init: string[], graceSeconds: number][] = [
    ['ends a daemon without drain, and all that it started', {}, ['terminate', '0'], 30],
    ['lets jobs end', job, ['drain-usr1', '3600'], 3630],
    ['lets tasks end', { service: 'service.schedule daemon' }, ['drain-term', '600'], 630],
    ['lets jobs end within the time that is set', { ...job, ...drain(7200) }, ['drain-usr1', '7200'], 7230],
    ['leaves jobs no time if none is set', { ...job, ...drain(0) }, ['drain-usr1', '0'], 60],
    ['lets what any daemon started end, if a time is set', drain(120), ['drain-term', '120'], 150],
    ['ends a daemon without drain if no time is set', drain(0), ['terminate', '0'], 30],
    ['takes the default if the field is empty', { ...job, drain: {} }, ['drain-usr1', '3600'], 3630],
    ['has the grace period of the template', { template: grace(90) }, ['terminate', '0'], 90],
    ['may be told to kill at once', { template: grace(0) }, ['terminate', '0'], 0],
    [
      'has a longer grace period of the template',
      { ...job, ...drain(10), template: grace(90) },
      ['drain-usr1', '10'],
      90,
    ],
    [
      'has more grace than the template says, if the drain needs it',
      { ...job, ...drain(300), template: grace(90) },
      ['drain-usr1', '300'],
      330,
    ],
  ];
  for (const [name, spec, init, graceSeconds] of rows)
    test(name, () => {
      const daemon = aDaemon(spec);
      assert.deepEqual(initArguments(daemon), [...init, '--']);
      assert.equal(podSpecOf(daemon).terminationGracePeriodSeconds, graceSeconds);
    });

  test('that drains for long is no failed rollout', () => {
    assert.equal(deploymentOf(aDaemon(job)).spec.progressDeadlineSeconds, 3630);
    assert.equal(deploymentOf(aDaemon()).spec.progressDeadlineSeconds, 600);
  });
});

describe('probes', () => {
  const exec = { command: ['pgrep', 'perl'] };
  const probing = (probes: Partial<V1Container>): V1Container =>
    containerOf(aDaemon({ template: { spec: { containers: [{ name: 'daemon', ...probes }] } } }));

  test('are none, because the daemon has nothing to ask and the init ends with it', () => {
    const { livenessProbe, readinessProbe, startupProbe } = containerOf(aDaemon());
    assert.deepEqual([livenessProbe, readinessProbe, startupProbe], [undefined, undefined, undefined]);
  });

  test('for liveness wait until the start-up allowance is used up', () => {
    const livenessProbe = { exec, timeoutSeconds: 5, periodSeconds: 60, initialDelaySeconds: 30 };
    const { startupProbe, ...container } = probing({ livenessProbe });
    assert.deepEqual(startupProbe, { exec, timeoutSeconds: 5, periodSeconds: 10, failureThreshold: 60 });
    assert.deepEqual(container.livenessProbe, livenessProbe);
  });

  test('for the start are left as the template has them', () => {
    const startupProbe = { exec, failureThreshold: 5 };
    assert.deepEqual(probing({ livenessProbe: { exec }, startupProbe }).startupProbe, startupProbe);
  });

  test('for readiness are left alone', () => {
    assert.equal(probing({ readinessProbe: { exec } }).startupProbe, undefined);
  });

  test('of another container are left alone', () => {
    const sidecar = { name: 'sidecar', image: 'sidecar:1', livenessProbe: { exec } };
    const spec = podSpecOf(aDaemon({ template: { spec: { containers: [sidecar] } } }));
    assert.deepEqual(spec.containers[1], sidecar);
  });
});

describe('the environment', () => {
  test('names the configuration and the pid directory', () => {
    assert.deepEqual(containerOf(aDaemon()).env, [
      { name: 'CLARIVE_ENV', value: 'clarive' },
      { name: 'CLARIVE_PIDDIR', value: '/opt/clarive/pid' },
    ]);
  });

  test('is extended by the daemon, whose entry of a name wins', () => {
    const env = [
      { name: 'TZ', value: 'Europe/Madrid' },
      { name: 'CLARIVE_ENV', value: 'other' },
    ];
    assert.deepEqual(containerOf(aDaemon({ env })).env, [
      { name: 'CLARIVE_ENV', value: 'other' },
      { name: 'CLARIVE_PIDDIR', value: '/opt/clarive/pid' },
      { name: 'TZ', value: 'Europe/Madrid' },
    ]);
  });

  test('is extended by whole ConfigMaps and Secrets', () => {
    const envFrom = [{ secretRef: { name: 'smtp' } }];
    assert.deepEqual(containerOf(aDaemon({ envFrom })).envFrom, envFrom);
    assert.equal('envFrom' in containerOf(aDaemon()), false);
  });
});

describe('the user', () => {
  test('is a number from the configuration, because runAsNonRoot refuses a name', () => {
    const { spec } = deploymentOf(aDaemon(), { runAsUser: 1001 });
    assert.equal(spec.template.spec.securityContext?.runAsUser, 1001);
  });

  test("is the image's without it", () => {
    assert.equal('runAsUser' in (podSpecOf(aDaemon()).securityContext ?? {}), false);
  });
});

describe('directories', () => {
  const job = { service: 'service.job.daemon' };

  test('are mounted as the preset says, and empty unless a volume of that name is given', () => {
    const claim = { name: 'jobs', persistentVolumeClaim: { claimName: 'jobs' } };
    const daemon = aDaemon({ ...job, template: { spec: { volumes: [claim] } } });
    assert.deepEqual(podSpecOf(daemon).volumes, [
      { name: 'logs', emptyDir: {} },
      { name: 'repo', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
      claim,
      { name: 'clarive-pid', emptyDir: {} },
    ]);
    assert.deepEqual(
      containerOf(daemon).volumeMounts?.map(({ name, mountPath }) => [name, mountPath]),
      [
        ['jobs', '/opt/clarive/jobs'],
        ['logs', '/opt/clarive/logs'],
        ['repo', '/opt/clarive/repo'],
        ['tmp', '/opt/clarive/tmp'],
        ['clarive-pid', '/opt/clarive/pid'],
      ],
    );
  });

  test('that the template mounts from another volume leave no empty volume behind', () => {
    const volumeMounts = ['jobs', 'logs', 'repo', 'tmp'].map((name) => ({
      name: 'data',
      mountPath: `/opt/clarive/${name}`,
      subPath: name,
    }));
    const data = { name: 'data', persistentVolumeClaim: { claimName: 'data' } };
    const template = { spec: { volumes: [data], containers: [{ name: 'daemon', volumeMounts }] } };
    assert.deepEqual(podSpecOf(aDaemon({ ...job, template })).volumes, [
      data,
      { name: 'clarive-pid', emptyDir: {} },
    ]);
  });

  test('are not given to a service that needs none', () => {
    const daemon = aDaemon({ service: 'service.sem.daemon' });
    assert.deepEqual(
      containerOf(daemon).volumeMounts?.map(({ name }) => name),
      ['clarive-pid'],
    );
  });

  test('for process ids are never shared, whatever the template says', () => {
    const shared = { name: 'clarive-pid', persistentVolumeClaim: { claimName: 'pids' } };
    const volumeMounts = [{ name: 'other', mountPath: '/opt/clarive/pid' }];
    const template = { spec: { volumes: [shared], containers: [{ name: 'daemon', volumeMounts }] } };
    const daemon = aDaemon({ service: 'service.sem.daemon', template });
    assert.deepEqual(podSpecOf(daemon).volumes, [{ name: 'clarive-pid', emptyDir: {} }]);
    assert.equal(containerOf(daemon).volumeMounts?.[0]?.name, 'clarive-pid');
  });
});

describe('the template of the daemon', () => {
  test('is laid over the generated one', () => {
    const template = {
      spec: {
        nodeSelector: { disk: 'ssd' },
        terminationGracePeriodSeconds: 600,
        containers: [
          { name: 'daemon', resources: { limits: { memory: '1Gi' } } },
          { name: 'sidecar', image: 'sidecar:1' },
        ],
      },
    };
    const spec = podSpecOf(aDaemon({ template }));
    assert.deepEqual(spec.nodeSelector, { disk: 'ssd' });
    assert.equal(spec.terminationGracePeriodSeconds, 600);
    assert.deepEqual(spec.containers[0]?.resources, { limits: { memory: '1Gi' } });
    assert.equal(spec.containers[0]?.image, 'clarive:7');
    assert.deepEqual(spec.containers[1], { name: 'sidecar', image: 'sidecar:1' });
  });

  test('may add labels and annotations to the pods, not to the Deployment', () => {
    const metadata = { labels: { team: 'a' }, annotations: { note: 'b' } };
    const deployment = deploymentOf(aDaemon({ template: { metadata } }));
    assert.equal(deployment.spec.template.metadata.labels.team, 'a');
    assert.equal(deployment.spec.template.metadata.annotations?.note, 'b');
    assert.equal(deployment.metadata.labels?.team, undefined);
  });

  test('cannot change the labels by which pods are found', () => {
    const labels = { [nameLabel]: 'x', [instanceLabel]: 'x', [managedByLabel]: 'x', [serviceLabel]: 'x' };
    const deployment = deploymentOf(aDaemon({ template: { metadata: { labels } } }));
    assert.deepEqual(deployment.spec.template.metadata.labels, deployment.metadata.labels);
  });

  test('cannot change the restart policy', () => {
    assert.equal(
      podSpecOf(aDaemon({ template: { spec: { restartPolicy: 'Never' } } })).restartPolicy,
      'Always',
    );
  });

  test('is not changed itself', () => {
    const daemon = aDaemon({
      config: { a: 1 },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: { volumes: [{ name: 'tmp' }], containers: [{ name: 'daemon' }] },
      },
    });
    const before = structuredClone(daemon);
    render(daemon, {}, '2026-11-22T12:00:00Z');
    assert.deepEqual(daemon, before);
  });
});

describe('the config', () => {
  const config = { sleep_period: 60 };

  test('travels in an annotation of the pod and is mounted where -c looks for it', () => {
    const { metadata, spec } = deploymentOf(aDaemon({ config }), { environment: 'prod' }).spec.template;
    assert.equal(metadata.annotations?.[configAnnotation], 'service.purge.daemon:\n  sleep_period: 60\n');
    assert.deepEqual(spec.volumes?.at(-1), {
      name: 'clarive-config',
      downwardAPI: {
        items: [
          { path: 'config.yml', fieldRef: { fieldPath: "metadata.annotations['clarive.com/config']" } },
        ],
      },
    });
    assert.deepEqual(spec.containers[0]?.volumeMounts?.at(-1), {
      name: 'clarive-config',
      mountPath: '/opt/clarive/config/prod.yml',
      subPath: 'config.yml',
      readOnly: true,
    });
  });

  test('goes to the section of the canonical key', () => {
    const { metadata } = deploymentOf(aDaemon({ service: 'service.schedule daemon', config })).spec.template;
    assert.match(metadata.annotations?.[configAnnotation] ?? '', /^service\.scheduler:$/m);
  });

  test('that is absent or empty leaves no trace', () => {
    assert.deepEqual(deploymentOf(aDaemon({ config: {} })), deploymentOf(aDaemon()));
    assert.equal('annotations' in deploymentOf(aDaemon()).spec.template.metadata, false);
  });

  test('changes nothing by the order of its keys', () => {
    assert.equal(
      render(aDaemon({ config: { a: 1, b: 2 } })).digest,
      render(aDaemon({ config: { b: 2, a: 1 } })).digest,
    );
  });

  test('changes the pod with any value, so that the daemon reads it', () => {
    assert.notEqual(
      render(aDaemon({ config: { a: 1 } })).digest,
      render(aDaemon({ config: { a: 2 } })).digest,
    );
  });

  test('that cannot be rendered makes the daemon invalid', () => {
    assert.match(invalidity(aDaemon({ config: { a: 2 ** 53 } })), /spec\.config\.a/);
  });

  for (const mountPath of ['/opt/clarive/config/clarive.yml', '/opt/clarive//config/clarive.yml/'])
    test(`finds its place taken by a mount of the template at ${mountPath}`, () => {
      const volumeMounts = [{ name: 'mine', mountPath, subPath: 'clarive.yml' }];
      const template = { spec: { containers: [{ name: 'daemon', volumeMounts }] } };
      assert.equal(
        invalidity(aDaemon({ config, template })),
        'The container "daemon" in spec.template mounts "/opt/clarive/config/clarive.yml", where the file of spec.config ' +
          'goes: remove one of the two',
      );
      render(aDaemon({ template }));
    });

  test('may stand beside other files of the directory', () => {
    const volumeMounts = [
      { name: 'mine', mountPath: '/opt/clarive/config/global.yml', subPath: 'global.yml' },
    ];
    render(aDaemon({ config, template: { spec: { containers: [{ name: 'daemon', volumeMounts }] } } }));
  });
});

describe('a memory limit', () => {
  const limited = (list: string, memory: string | number): ClariveDaemon => {
    const container = { name: list === 'containers' ? 'daemon' : 'wait', resources: { limits: { memory } } };
    return aDaemon({ template: { spec: { [list]: [container] } } });
  };

  for (const list of ['containers', 'initContainers'])
    for (const memory of [512, '512', '400m', '1023Ki'])
      test(`of ${memory} in ${list} is too small for any process`, () => {
        assert.equal(
          invalidity(limited(list, memory)),
          `The memory limit "${memory}" in spec.template.spec.${list}[0].resources.limits.memory is too small for any process: raise it, with a unit as in "512Mi"`,
        );
      });

  test('of 1 MiB is left to the node', () => void render(limited('containers', '1Mi')));
});

describe('a restart', () => {
  const morning = '2026-11-22T08:00:00Z';
  const noon = '2026-11-22T12:00:00Z';
  const asking = (time: string): ClariveDaemon =>
    aDaemon({ template: { metadata: { annotations: { [restartedAtAnnotation]: time } } } });
  const restartedAt = (daemon: ClariveDaemon, child?: string): string | undefined =>
    render(daemon, {}, child).deployment.spec.template.metadata.annotations?.[restartedAtAnnotation];

  test('asked for in the template is taken', () => assert.equal(restartedAt(asking(noon), morning), noon));

  test("of the child's own that is later is kept", () => {
    assert.equal(restartedAt(asking(morning), noon), noon);
    assert.equal(restartedAt(aDaemon(), noon), noon);
  });

  test("of the child's own does not change the digest, that of the daemon does", () => {
    assert.equal(render(aDaemon(), {}, noon).digest, render(aDaemon()).digest);
    assert.notEqual(render(asking(noon)).digest, render(asking(morning)).digest);
  });
});

test('a daemon without a dispatcher that is said to miss one is invalid as well', () => {
  const desired = desiredDeployment(aDaemon(), defaults, { dispatcher: 'missing' });
  assert.equal('invalid' in desired && desired.reason, 'MissingReference');
});
