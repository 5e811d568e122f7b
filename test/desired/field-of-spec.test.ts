import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { desiredDeployment } from '../../src/desired/deployment.ts';
import { inTermsOfSpec } from '../../src/desired/field-of-spec.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';

const daemon = aDaemon({
  env: [{ name: 'TZ' }, { name: 'A=B' }],
  envFrom: [{ configMapRef: { name: 'Settings' } }],
  template: {
    metadata: { annotations: { note: 'a' } },
    spec: {
      nodeSelector: { disk: 'a b' },
      tolerations: [{ operator: 'Exists' }, { operator: 'Maybe' }],
      volumes: [{ name: 'Big', emptyDir: { sizeLimit: '-1' } }],
      containers: [
        { name: 'helper', image: 'a b', ports: [{ containerPort: 0 }] },
        { name: 'daemon', volumeMounts: [{ name: 'none', mountPath: '/none' }] },
      ],
    },
  },
});
const desired = desiredDeployment(daemon, { image: 'clarive:7', images: {}, environment: 'clarive' });
if ('invalid' in desired) throw new Error(desired.invalid);
const { deployment } = desired;
const { containers, volumes = [] } = deployment.spec.template.spec;
const indexOf = (list: { name: string }[], name: string) =>
  list.findIndex((element) => element.name === name);
const inDaemon = `spec.template.spec.containers[${indexOf(containers, 'daemon')}]`;
const inHelper = `spec.template.spec.containers[${indexOf(containers, 'helper')}]`;
const env = containers[0]?.env ?? [];
const mounts = containers[0]?.volumeMounts ?? [];

suite('a refusal of the Deployment names the field of the spec', () => {
  const rows = [
    { of: `${inDaemon}.env[${indexOf(env, 'A=B')}].name`, says: 'spec.env[1].name' },
    { of: `${inDaemon}.envFrom[0].configMapRef.name`, says: 'spec.envFrom[0].configMapRef.name' },
    { of: `${inDaemon}.image`, says: 'spec.image' },
    {
      of: `${inDaemon}.volumeMounts[${indexOf(mounts, 'none')}].name`,
      says: 'spec.template.spec.containers[1].volumeMounts[0].name',
    },
    {
      of: `${inDaemon}.resources.limits[cpu]`,
      says: 'spec.template.spec.containers[1].resources.limits[cpu]',
    },
    {
      of: `${inHelper}.ports[0].containerPort`,
      says: 'spec.template.spec.containers[0].ports[0].containerPort',
    },
    { of: `${inHelper}.image`, says: 'spec.template.spec.containers[0].image' },
    {
      of: `spec.template.spec.volumes[${indexOf(volumes, 'Big')}].emptyDir.sizeLimit`,
      says: 'spec.template.spec.volumes[0].emptyDir.sizeLimit',
    },
    { of: 'spec.template.spec.tolerations[1].operator', says: 'spec.template.spec.tolerations[1].operator' },
    { of: 'spec.template.spec.nodeSelector', says: 'spec.template.spec.nodeSelector' },
    { of: 'spec.template.annotations', says: 'spec.template.metadata.annotations' },
    { of: 'spec.template.labels', says: 'spec.template.metadata.labels' },
    {
      of: 'spec.template.spec.containers[name="daemon"].new',
      says: 'spec.template.spec.containers[name="daemon"].new',
    },
  ];

  for (const { of, says } of rows)
    test(`${of} is ${says}`, () => {
      assert.equal(inTermsOfSpec(`${of}: Invalid value`, deployment, daemon), `${says}: Invalid value`);
    });

  const generated = [
    `${inDaemon}.env[${indexOf(env, 'CLARIVE_PIDDIR')}].value`,
    `${inDaemon}.volumeMounts[${indexOf(mounts, 'clarive-pid')}].name`,
    `spec.template.spec.volumes[${indexOf(volumes, 'clarive-pid')}].name`,
    'spec.template.spec.initContainers[0].name',
    'spec.template.spec.containers[7].env[0].name',
    'spec.strategy',
  ];

  for (const field of generated)
    test(`${field}, which the operator has made, stays`, () => {
      assert.equal(inTermsOfSpec(field, deployment, daemon), field);
    });

  test('all of them, in the place of the object that the user does not know', () => {
    const refusal = `Deployment.apps "purge" is invalid: [${inDaemon}.image: Required value, ${inHelper}.image: Invalid value: "a b"]`;
    assert.equal(
      inTermsOfSpec(refusal, deployment, daemon),
      'The API server refuses the Deployment: [spec.image: Required value, spec.template.spec.containers[0].image: Invalid value: "a b"]',
    );
  });

  test('of a daemon without overlay, too', () => {
    const plain = aDaemon({ env: [{ name: 'A' }] });
    const made = desiredDeployment(plain, { image: 'clarive:7', images: {}, environment: 'clarive' });
    assert.ok('deployment' in made);
    const refusal = `${inDaemon}.env[2].name, spec.template.spec.volumes[0].name, spec.template.spec.securityContext.runAsUser`;
    assert.equal(
      inTermsOfSpec(refusal, made.deployment, plain),
      'spec.env[0].name, spec.template.spec.volumes[0].name, spec.template.spec.securityContext.runAsUser',
    );
  });

  test('and of its dispatcher, if it came from there', () => {
    const dispatcher = aDispatcher({
      env: [{ name: 'C=D' }, { name: 'TZ' }],
      envFrom: [{ configMapRef: { name: 'All Of Them' } }],
      template: {
        spec: {
          nodeSelector: { disk: 'a b' },
          hostname: 'Bad_Name',
          containers: [{ name: 'daemon', resources: { limits: { cpu: '-1' } } }],
        },
      },
    });
    const plain = aDaemon({
      env: [{ name: 'A=B' }, { name: 'TZ' }],
      envFrom: [{ secretRef: { name: 'Own' } }],
      template: { spec: { hostname: 'Worse_Name' } },
    });
    const made = desiredDeployment(plain, { image: 'a', images: {}, environment: 'clarive' }, { dispatcher });
    assert.ok('deployment' in made);
    const names = made.deployment.spec.template.spec.containers[0]?.env ?? [];
    const variable = (name: string) => `${inDaemon}.env[${indexOf(names, name)}].name`;
    const refusal = [
      variable('C=D'),
      variable('A=B'),
      variable('TZ'),
      `${inDaemon}.envFrom[0].configMapRef.name`,
      `${inDaemon}.envFrom[1].secretRef.name`,
      `${inDaemon}.resources.limits[cpu]`,
      'spec.template.spec.nodeSelector',
      'spec.template.spec.hostname',
      'spec.template.spec.subdomain',
    ];
    const of = 'of the ClariveDispatcher "main"';
    assert.deepEqual(inTermsOfSpec(refusal.join(', '), made.deployment, plain, dispatcher).split(', '), [
      `spec.env[0].name ${of}`,
      'spec.env[0].name',
      'spec.env[1].name',
      `spec.envFrom[0].configMapRef.name ${of}`,
      'spec.envFrom[0].secretRef.name',
      `spec.template.spec.containers[0].resources.limits[cpu] ${of}`,
      `spec.template.spec.nodeSelector ${of}`,
      'spec.template.spec.hostname',
      'spec.template.spec.subdomain',
    ]);
  });
});
