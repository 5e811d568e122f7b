/** What Kubernetes says of a daemon with a dispatcher ends with whose spec is to be corrected. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import type { ClariveDispatcherSpec } from '../../src/api/clarive-dispatcher.ts';
import type { Reason } from '../../src/api/conditions.ts';
import { withRemedy } from '../../src/status/remedies.ts';
import { aDaemon, aDispatcher } from '../support/builders.ts';
import { aPod, waiting } from './observed-builders.ts';
import { look, messageOf } from './look.ts';

interface Row {
  name: string;
  reason: Reason;
  message: string;
  own?: Partial<ClariveDaemonSpec>;
  shared: Partial<ClariveDispatcherSpec>;
  remedy: string;
}

const secretGone = 'The daemon can\'t be started: secret "smtp" not found';
const volumeGone = 'The daemon can\'t be started: volume "conf": configmap "site" not found';
const fromSecret = { envFrom: [{ secretRef: { name: 'smtp' } }] };
const byKey = { env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'smtp', key: 'password' } } }] };
const conf = { template: { spec: { volumes: [{ name: 'conf', configMap: { name: 'site' } }] } } };
const account = { template: { spec: { serviceAccountName: 'jobs' } } };
const sidecar = {
  template: { spec: { containers: [{ name: 'wait', envFrom: [{ secretRef: { name: 'smtp' } }] }] } },
};

const rows: Row[] = [
  {
    name: "a Secret of the dispatcher's envFrom",
    reason: 'MissingReference',
    message: secretGone,
    own: { env: [{ name: 'A', value: 'B' }] },
    shared: fromSecret,
    remedy: 'create it, or correct spec.envFrom of the ClariveDispatcher "main"',
  },
  {
    name: "a Secret of one of the dispatcher's variables",
    reason: 'MissingReference',
    message: secretGone,
    shared: byKey,
    remedy: 'create it, or correct spec.env of the ClariveDispatcher "main"',
  },
  {
    name: 'a Secret that the dispatcher names twice',
    reason: 'MissingReference',
    message: secretGone,
    shared: { ...byKey, ...fromSecret },
    remedy: 'create it, or correct spec.env or spec.envFrom of the ClariveDispatcher "main"',
  },
  {
    name: 'a key of a Secret',
    reason: 'MissingReference',
    message: "The daemon can't be started: couldn't find key password in Secret clarive/smtp",
    shared: byKey,
    remedy: 'create it, or correct spec.env of the ClariveDispatcher "main"',
  },
  {
    name: 'a Secret that the daemon names itself',
    reason: 'MissingReference',
    message: secretGone,
    own: byKey,
    shared: fromSecret,
    remedy: 'create it, or correct spec.env or spec.envFrom',
  },
  {
    name: 'a Secret that nobody names, such as one of a policy',
    reason: 'MissingReference',
    message: secretGone,
    shared: { image: 'clarive:8' },
    remedy: 'create it, or correct spec.env or spec.envFrom',
  },
  {
    name: 'a ConfigMap of a volume',
    reason: 'MissingReference',
    message: volumeGone,
    own: { template: { spec: { nodeSelector: { disk: 'ssd' } } } },
    shared: conf,
    remedy: 'create it, or correct spec.template.spec.volumes of the ClariveDispatcher "main"',
  },
  {
    name: 'a volume that the daemon has replaced',
    reason: 'MissingReference',
    message: volumeGone,
    own: conf,
    shared: { template: { spec: { volumes: [{ name: 'conf', emptyDir: {} }] } } },
    remedy: 'create it, or correct spec.template.spec.volumes',
  },
  {
    name: 'a Secret of another container',
    reason: 'MissingReference',
    message: 'Container wait can\'t be started: secret "smtp" not found',
    shared: sidecar,
    remedy:
      'create it, or correct env and envFrom of that container in spec.template.spec of the ClariveDispatcher "main"',
  },
  {
    name: 'a service account',
    reason: 'MissingReference',
    message: 'error looking up service account clarive/jobs: serviceaccount "jobs" not found',
    shared: account,
    remedy: 'create it, or correct spec.template.spec.serviceAccountName of the ClariveDispatcher "main"',
  },
  {
    name: 'an image',
    reason: 'ImagePullFailed',
    message: 'The daemon has no image: not found',
    shared: { image: 'clarive:8' },
    remedy: 'check spec.image of the ClariveDispatcher "main", and imagePullSecrets in spec.template.spec',
  },
  {
    name: 'an image for one service',
    reason: 'ImagePullFailed',
    message: 'The daemon has no image: "clarive:9" is gone',
    shared: { image: 'clarive:8', services: [{ service: 'service.purge.daemon', image: 'clarive:9' }] },
    remedy:
      'check spec.services[service.purge.daemon].image of the ClariveDispatcher "main", and imagePullSecrets in spec.template.spec',
  },
  {
    name: 'an image of its own',
    reason: 'ImagePullFailed',
    message: 'The daemon has no image: not found',
    own: { image: 'own:1' },
    shared: { image: 'clarive:8', template: {} },
    remedy: 'check spec.image, and imagePullSecrets in spec.template.spec',
  },
  {
    name: 'a template that only the dispatcher has',
    reason: 'Unschedulable',
    message: '0/1 nodes are available: 1 Insufficient cpu.',
    shared: account,
    remedy:
      'change resources, nodeSelector, affinity or tolerations in spec.template.spec here or of the ClariveDispatcher "main", or free or add nodes',
  },
  {
    name: 'what a policy refuses by name',
    reason: 'AdmissionRejected',
    message:
      'pods "purge-1" is forbidden: violates PodSecurity "restricted": hostPath volumes (volume "conf")',
    own: account,
    shared: conf,
    remedy: 'change the spec of the ClariveDispatcher "main" accordingly, or the policy',
  },
  {
    name: 'what a webhook refuses without a name',
    reason: 'AdmissionRejected',
    message: 'admission webhook "a.b" denied the request',
    shared: fromSecret,
    remedy: 'change the spec here or of the ClariveDispatcher "main" accordingly, or the policy',
  },
  {
    name: 'what is no field',
    reason: 'AdmissionRejected',
    message: 'deployments.apps is forbidden: User "operator" cannot create resource "deployments"',
    shared: conf,
    remedy: 'give the operator that right',
  },
];

describe('the remedy names the place of', () => {
  for (const { name, reason, message, own, shared, remedy } of rows)
    test(name, () => {
      const authors = { daemon: aDaemon(own), dispatcher: aDispatcher(shared) };
      assert.equal(withRemedy(reason, message, authors), `${message.replace(/\.$/, '')}; ${remedy}`);
    });
});

test('the status tells of the dispatcher in whose envFrom a missing Secret is named', () => {
  const container = waiting('CreateContainerConfigError', 'secret "smtp" not found');
  const daemon = aDaemon({ dispatcherRef: { name: 'main' } });
  const { status } = look({
    daemon,
    dispatcher: aDispatcher(fromSecret),
    pods: [aPod({ phase: 'Pending', container })],
  });
  assert.equal(
    messageOf(status),
    `${secretGone}; create it, or correct spec.envFrom of the ClariveDispatcher "main"`,
  );
});
