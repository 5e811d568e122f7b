/**
 * What becomes of three whole exports. After a change that is meant: UPDATE_GOLDEN=1 node --test test/import/import.test.ts
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { parseRecords } from '../../src/import/parse.ts';
import { exportOf, generations, golden, importWith } from './fixtures.ts';

for (const generation of generations) {
  const text = exportOf(generation);
  const records = parseRecords(text).map((entry) => {
    assert.ok('value' in entry, JSON.stringify(entry));
    return entry.value;
  });

  suite(`records of the ${generation} generation`, () => {
    const imported = importWith(text);

    test('become the manifests of the golden file', () => {
      assert.equal(imported.manifests, golden(`${generation}-generation.yaml`, imported.manifests));
      assert.ok(imported.isComplete);
    });

    test('are reported as in the golden file', () => {
      assert.equal(imported.report, golden(`${generation}-generation.txt`, imported.report));
    });

    const forms: Record<string, string> = {
      'an array': JSON.stringify(records),
      'an indented array': JSON.stringify(records, null, 2),
      'one object per line': records.map((record) => JSON.stringify(record)).join('\n'),
      'one indented object after the other': records
        .map((record) => JSON.stringify(record, null, 4))
        .join('\n'),
      'a YAML list': stringify(records),
      'YAML documents': records.map((record) => stringify(record)).join('---\n'),
      'a file with Windows line ends and a byte order mark': `\uFEFF${text.replaceAll('\n', '\r\n')}`,
    };
    for (const [form, sameRecords] of Object.entries(forms)) {
      test(`may come as ${form}`, () => {
        assert.equal(importWith(sameRecords).manifests, imported.manifests);
      });
    }

    test('become the same manifests in any order', () => {
      assert.equal(importWith(records.toReversed()).manifests, imported.manifests);
    });
  });
}

suite('manifests', () => {
  const job = { service: 'service.job.daemon', active: '1', instances: [{ instance: 'app1' }] };
  const objects = (yaml: string) =>
    parseAllDocuments(yaml).map((document) => document.toJS() as Record<string, unknown>);

  test('name the namespace, the dispatcher, its image and its environment', () => {
    const options = { namespace: 'clarive', dispatcher: 'prod', image: 'clarive:7', environment: 'prod' };
    assert.deepEqual(objects(importWith([job], options).manifests), [
      {
        apiVersion: 'clarive.com/v1',
        kind: 'ClariveDispatcher',
        metadata: { name: 'prod', namespace: 'clarive' },
        spec: { image: 'clarive:7', environment: 'prod' },
      },
      {
        apiVersion: 'clarive.com/v1',
        kind: 'ClariveDaemon',
        metadata: { name: 'job', namespace: 'clarive' },
        spec: {
          service: 'service.job.daemon',
          id: 'app1',
          replicas: 1,
          dispatcherRef: { name: 'prod' },
        },
      },
    ]);
  });

  test('give the image to each daemon without a dispatcher', () => {
    const options = { dispatcher: undefined, image: 'clarive:7' };
    assert.deepEqual(objects(importWith([job], options).manifests), [
      {
        apiVersion: 'clarive.com/v1',
        kind: 'ClariveDaemon',
        metadata: { name: 'job' },
        spec: { service: 'service.job.daemon', id: 'app1', replicas: 1, image: 'clarive:7' },
      },
    ]);
  });

  test('keep all stopped by the dispatcher alone', () => {
    const specs = objects(importWith([job], { stopped: true }).manifests).map(({ spec }) => spec);
    const daemon = {
      service: 'service.job.daemon',
      id: 'app1',
      replicas: 1,
      dispatcherRef: { name: 'main' },
    };
    assert.deepEqual(specs, [{ replicas: 0 }, daemon]);
  });

  test('have the settings of a record sorted, without null, and as plain values', () => {
    const config = {
      b: [{ z: { $numberLong: '7' }, y: true }],
      a: { $numberDouble: '0.5' },
      none: null,
      long: { $numberLong: '9007199254740993' },
      when: { $date: { $numberLong: '0' } },
      since: { $date: 1000 },
      price: { $numberDecimal: '1.10' },
      by: { $oid: '5f0c3b1e9a1d2c0001a0b001' },
    };
    const { manifests } = importWith([{ ...job, config }], { dispatcher: undefined });
    assert.match(manifests, /config:\n {4}a: 0\.5\n {4}b:\n {6}- 'y': true\n {8}z: 7\n {4}by: /);
    assert.deepEqual((parse(manifests) as { spec: { config: unknown } }).spec.config, {
      a: 0.5,
      b: [{ y: true, z: 7 }],
      by: '5f0c3b1e9a1d2c0001a0b001',
      long: '9007199254740993',
      price: '1.10',
      since: '1970-01-01T00:00:01.000Z',
      when: '1970-01-01T00:00:00.000Z',
    });
  });

  test('have no null settings, and the report names those', () => {
    const config = { a: null, b: { c: null, d: 1 }, list: [{ e: null }, null] };
    const { manifests, report } = importWith([{ ...job, config }], { dispatcher: undefined });
    assert.deepEqual((parse(manifests) as { spec: { config: unknown } }).spec.config, {
      b: { d: 1 },
      list: [{}, null],
    });
    assert.match(report, /; null counts as not set, so its config has no a, b\.c, list\[0\]\.e\n/);
  });

  test('are empty if no record can be used', () => {
    assert.equal(importWith([{ service: 'job' }]).manifests, '');
  });
});
