import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment } from '../../src/api/kubernetes.ts';
import { desiredDeployment, type Rendered } from '../../src/desired/deployment.ts';
import { digest } from '../../src/desired/digest.ts';
import { aDaemon } from '../support/builders.ts';

const defaults = { image: 'clarive:7', images: {}, environment: 'clarive' };

function deploymentOf(daemon = aDaemon()): Deployment {
  return (desiredDeployment(daemon, defaults) as Rendered).deployment;
}

function reversedKeys<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reversedKeys) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, child]) => [key, reversedKeys(child)]),
  ) as T;
}

describe('the digest', () => {
  test('is sixteen hex digits', () => assert.match(digest(deploymentOf()), /^[0-9a-f]{16}$/));

  test('is the same for the same daemon', () => {
    assert.equal(digest(deploymentOf(aDaemon())), digest(deploymentOf(aDaemon())));
  });

  test('does not depend on the order of keys', () => {
    assert.equal(digest(reversedKeys(deploymentOf())), digest(deploymentOf()));
  });

  test('does not depend on replicas', () => {
    const { replicas: _, ...spec } = deploymentOf().spec;
    assert.equal(digest({ ...deploymentOf(), spec } as Deployment), digest(deploymentOf()));
  });

  test('does not depend on fields that are undefined', () => {
    assert.equal(digest({ ...deploymentOf(), other: undefined } as Deployment), digest(deploymentOf()));
  });

  test('depends on the order of a list', () => {
    const one = deploymentOf(aDaemon({ args: ['a', 'b'] }));
    const other = deploymentOf(aDaemon({ args: ['b', 'a'] }));
    assert.notEqual(digest(one), digest(other));
  });

  test('differs for each of 5,000 daemons that differ in one letter or digit', () => {
    const deployment = deploymentOf();
    const digests = new Set<string>();
    for (let number = 0; number < 5000; number++)
      digests.add(digest({ ...deployment, metadata: { ...deployment.metadata, name: `purge-${number}` } }));
    assert.equal(digests.size, 5000);
  });
});
