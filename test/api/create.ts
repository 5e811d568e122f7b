import assert from 'node:assert/strict';
import type { ClariveDaemon, ClariveDaemonSpec } from '../../src/api/clarive-daemon.ts';
import { KubeError, type KubeClient } from '../support/kube-client.ts';
import { clariveDaemons } from '../support/resources.ts';

/** A spec as a user may send it, right or wrong. */
export type Spec = Record<string, unknown>;

/** Creates a daemon as kubectl does, so with strict validation. */
export function create(kube: KubeClient, spec: Spec, name = 'daemon'): Promise<ClariveDaemon> {
  const daemon = { metadata: { name }, spec: spec as unknown as ClariveDaemonSpec };
  return kube.create<ClariveDaemon>(clariveDaemons, daemon, { query: { fieldValidation: 'Strict' } });
}

/** For `assert.rejects`: the API server refused, and its message, which kubectl prints as it is, says so. */
export function refusal(says: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof KubeError, `Not a refusal of the API server: ${String(error)}`);
    assert.ok(error.message.includes(says), `${error.message}\nIt should say: ${says}`);
    return true;
  };
}
