/** The schema of the values: it refuses what the chart does not know, and has all that it knows. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { charts, chartsFolder, helm, type Chart } from './helm.ts';

interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  definitions?: Record<string, Schema>;
}

/** Objects of which a part may be given: what they can have is more than what they have by default. */
const partial = /Probe$|^\.test\.daemon$/;

for (const chart of charts) {
  const schema = readSchema(chart);
  const values = parse(read(chart, 'values.yaml')) as object;

  test(`the schema of ${chart} knows every value, and no other`, () => {
    assert.deepEqual(disagreements(values, schema, schema), []);
  });

  for (const path of closedObjects(schema, schema)) {
    test(`${chart} refuses an unknown key ${path === '' ? 'at the top' : `of ${path}`}`, async () => {
      const key = `${path === '' ? '' : `${path}.`}unknownKey`;
      await assert.rejects(helm('template', chart, chart, '--set', `${key}=1`), /unknownKey/);
    });
  }
}

const refused: [chart: Chart, value: string, why: RegExp][] = [
  ['clarive-operator', 'daemons.image=clarive/clarive:latest', /daemons\/image/],
  ['clarive-operator', 'daemons.image=clarive/clarive', /daemons\/image/],
  ['clarive-operator', 'image.tag=latest', /image\/tag/],
  ['clarive-operator', 'daemons.runAsUser=0', /daemons\/runAsUser/],
  ['clarive-operator', 'daemons.runAsUser=clarive', /daemons\/runAsUser/],
  ['clarive-operator', 'daemons.restartOnSecretChange=yes', /daemons\/restartOnSecretChange/],
  ['clarive-operator', 'logLevel=verbose', /logLevel/],
  ['clarive-operator', 'watchNamespaces={Clarive}', /watchNamespaces/],
  ['clarive-operator', 'watchNamespaces={a,a}', /watchNamespaces/],
  ['clarive-operator', 'image.digest=sha256:12', /image\/digest/],
  ['clarive-operator', 'image.tag=a b', /image\/tag/],
  ['clarive-operator', 'daemons.image=clarive/clarive:1 2', /daemons\/image/],
  ['clarive-operator', 'leaderElection.name=A_b', /leaderElection\/name/],
  ['clarive-operator', 'fullnameOverride=A.b', /fullnameOverride/],
  ['clarive-operator', 'daemons=null', /missing property 'daemons'/],
  ['clarive-operator', 'livenessProbe=null', /missing property 'livenessProbe'/],
  ['clarive-operator', 'leaderElection=null', /missing property 'leaderElection'/],
  ['clarive-daemons', 'daemons.purge.replicas=2', /daemons\/purge\/replicas/],
  ['clarive-daemons', 'daemons.purge.service=purge', /daemons\/purge\/service/],
  ['clarive-daemons', 'daemons.purge.replica=1', /replica/],
  ['clarive-daemons', 'daemons.Purge.service=service.purge.daemon', /Purge/],
  ['clarive-daemons', 'dispatcher.replicas=true', /dispatcher\/replicas/],
  ['clarive-daemons', 'daemons=null', /missing property 'daemons'/],
  ['clarive-daemons', 'dispatcher=null', /missing property 'dispatcher'/],
];

for (const [chart, value, why] of refused) {
  test(`${chart} refuses ${value}`, async () => {
    await assert.rejects(helm('template', chart, chart, '--set', value), why);
  });
}

function read(chart: Chart, file: string): string {
  return readFileSync(join(chartsFolder, chart, file), 'utf8');
}

function readSchema(chart: Chart): Schema {
  return JSON.parse(read(chart, 'values.schema.json')) as Schema;
}

function resolve(schema: Schema, root: Schema): Schema {
  const name = schema.$ref?.replace('#/definitions/', '');
  return name === undefined ? schema : (root.definitions?.[name] ?? {});
}

/** Paths of the objects below which no other key may be. */
function closedObjects(schema: Schema, root: Schema, path = ''): string[] {
  const { properties = {}, additionalProperties } = resolve(schema, root);
  const inner = Object.entries(properties).flatMap(([key, value]) =>
    closedObjects(value, root, path === '' ? key : `${path}.${key}`),
  );
  return additionalProperties === false ? [path, ...inner] : inner;
}

/** Keys that only the values or only the schema has. */
function disagreements(values: object, schema: Schema, root: Schema, path = ''): string[] {
  const { properties = {}, additionalProperties } = resolve(schema, root);
  const own = Object.keys(values);
  const isPartial = partial.test(path) || own.length === 0;
  const unknown = own.filter((key) => !(key in properties) && additionalProperties === false);
  const missing = Object.keys(properties).filter((key) => !(key in values) && !isPartial);
  const inner = Object.entries(values).flatMap(([key, value]) =>
    isObject(value) && properties[key] ? disagreements(value, properties[key], root, `${path}.${key}`) : [],
  );
  return [
    ...unknown.map((key) => `${path}.${key} is not in the schema`),
    ...missing.map((key) => `${path}.${key} is not in values.yaml`),
    ...inner,
  ];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
