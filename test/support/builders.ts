/** Objects for tests: valid as they are, with whatever a test cares about put over them. */
import {
  apiVersion,
  kind,
  type ClariveDaemon,
  type ClariveDaemonSpec,
} from '../../src/api/clarive-daemon.ts';
import * as dispatcher from '../../src/api/clarive-dispatcher.ts';
import type { ObjectMeta } from '../../src/api/kubernetes.ts';

/** A daemon as the API server would send it; fields of the spec stand beside `metadata`. */
export function aDaemon({
  metadata,
  ...spec
}: Partial<ClariveDaemonSpec> & { metadata?: Partial<ObjectMeta> } = {}): ClariveDaemon {
  return {
    apiVersion,
    kind,
    metadata: {
      name: 'purge',
      namespace: 'clarive',
      uid: '0b8f7c5e-0000-4000-8000-000000000001',
      generation: 1,
      ...metadata,
    },
    spec: { service: 'service.purge.daemon', replicas: 1, ...spec },
  };
}

/** A dispatcher of the same namespace; fields of the spec stand beside `metadata`. */
export function aDispatcher({
  metadata,
  ...spec
}: Partial<dispatcher.ClariveDispatcherSpec> & {
  metadata?: Partial<ObjectMeta>;
} = {}): dispatcher.ClariveDispatcher {
  return {
    apiVersion: dispatcher.apiVersion,
    kind: dispatcher.kind,
    metadata: {
      name: 'main',
      namespace: 'clarive',
      uid: '0b8f7c5e-0000-4000-8000-000000000002',
      generation: 1,
      ...metadata,
    },
    spec: { replicas: 1, ...spec },
  };
}
