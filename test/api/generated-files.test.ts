import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { expand, merge, type Schema } from '../../crds/generator/schema.ts';
import { reduceOpenApi } from '../../crds/generator/openapi.ts';
import { generatedFiles, readText } from '../../crds/generator/outputs.ts';
import * as daemon from '../../src/api/clarive-daemon.ts';
import * as dispatcher from '../../src/api/clarive-dispatcher.ts';

interface Crd {
  metadata: { name: string };
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}

test('generated files are what their sources say', async () => {
  for (const [path, text] of await generatedFiles()) {
    const present = await readText(path);
    if (present !== text)
      assert.fail(`${path} is not what its source says: run "npm run generate"\n${drift(present, text)}`);
  }
});

test('of a file that has drifted, only the lines that differ are shown', () => {
  const drifted = drift('a\nold\nz\n', 'a\nnew\nnewer\nz\n');
  assert.equal(drifted, 'from line 2:\n- old\n+ new\n+ newer');
});

for (const { apiVersion, kind, plural } of [daemon, dispatcher]) {
  const manifest = await readText(`crds/${plural}.yaml`);
  const crd = parse(manifest) as Crd;
  const [version] = crd.spec.versions;
  const schema = version?.schema.openAPIV3Schema ?? {};

  describe(`the CRD of ${kind}`, () => {
    test('has the names that the constants have', () => {
      assert.equal(apiVersion, `${crd.spec.group}/${version?.name}`);
      assert.equal(kind, crd.spec.names.kind);
      assert.equal(`${plural}.${crd.spec.group}`, crd.metadata.name);
    });

    test('stays below 200 kB, so that client-side apply can keep it in an annotation', () => {
      assert.ok(manifest.length < 200_000, `It has ${manifest.length} bytes`);
    });

    test('describes every field outside the pod template', () => {
      const named = fieldsOf(schema).filter(
        ({ path }) => !/^\.(metadata\.|spec\.(template|env|envFrom)\b.+)/.test(path),
      );
      assert.ok(named.length > 30, 'The walk over the schema found too few fields');
      const bare = named.filter(({ path, field }) => path !== '.metadata' && !field.description);
      assert.deepEqual(
        bare.map(({ path }) => path),
        [],
      );
    });

    test('has no descriptions in the pod template, and no defaults but that of a list key', () => {
      const inTemplate = fieldsOf(schema).filter(({ path }) => path.startsWith('.spec.template.'));
      assert.ok(inTemplate.length > 1000, 'The walk over the schema found too few fields');
      for (const { path, field } of inTemplate) {
        assert.equal(field.description, undefined, path);
        if (!path.endsWith('.ports[].protocol')) assert.equal(field.default, undefined, path);
      }
    });

    test('requires every key of a list, or has a default for it', () => {
      const lists = fieldsOf(schema).filter(({ field }) => field['x-kubernetes-list-map-keys']);
      assert.ok(lists.length > 15, 'The walk over the schema found too few lists');
      for (const { path, field } of lists) {
        for (const key of field['x-kubernetes-list-map-keys'] ?? []) {
          const present =
            field.items?.required?.includes(key) || field.items?.properties?.[key]?.default !== undefined;
          assert.ok(present, `${path}[].${key}`);
        }
      }
    });
  });
}

test('an OpenAPI document is reduced to the definitions of a pod, without prose and defaults', () => {
  const ref = (name: string) => ({ $ref: `#/definitions/${name}` });
  const reduced = reduceOpenApi({
    info: { version: '1.99' },
    definitions: {
      'io.k8s.api.core.v1.PodSpec': {
        description: 'prose',
        properties: { volumes: { type: 'array', items: ref('io.k8s.api.core.v1.Volume') } },
      },
      'io.k8s.api.core.v1.Volume': {
        properties: { description: { type: 'string', default: '', description: 'prose' } },
      },
      'io.k8s.api.core.v1.Node': {},
    },
  });
  assert.deepEqual(reduced, {
    kubernetes: '1.99',
    definitions: {
      PodSpec: { properties: { volumes: { type: 'array', items: { $ref: 'Volume' } } } },
      Volume: { properties: { description: { type: 'string' } } },
    },
  });
});

test('two definitions of one plain name are refused', () => {
  const ref = (name: string) => ({ $ref: `#/definitions/${name}` });
  const definitions = {
    'io.k8s.api.core.v1.PodSpec': { properties: { a: ref('core.Volume'), b: ref('storage.Volume') } },
    'core.Volume': { type: 'string' },
    'storage.Volume': { type: 'integer' },
  };
  assert.throws(() => reduceOpenApi({ info: { version: '1.99' }, definitions }), /plain name "Volume"/);
});

test('what stands beside a $ref is merged upon the definition, and null removes, however deep', () => {
  const definitions = merge(
    {
      Pod: { required: ['owner'], properties: { owner: { $ref: 'Owner' }, image: { type: 'string' } } },
      Owner: { type: 'object', properties: { id: { type: 'string' }, name: { type: 'string' } } },
    },
    {
      Overlay: {
        $ref: 'Pod',
        required: null,
        properties: { image: null, owner: { properties: { id: null } } },
      },
    },
  );
  assert.deepEqual(expand({ $ref: 'Overlay', description: 'A pod' }, definitions), {
    description: 'A pod',
    properties: { owner: { type: 'object', properties: { name: { type: 'string' } } } },
  });
});

test('a $ref that leads nowhere is refused', () => {
  assert.throws(() => expand({ items: { $ref: 'Pot' } }, {}), /Cannot find the definition "Pot"/);
});

const mostShown = 5;

/** What lies between the lines at which two texts begin and end to be the same, a few lines of each. */
function drift(present: string, generated: string): string {
  const [before, after] = [present.split('\n'), generated.split('\n')];
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  while (before.length > start && after.length > start && before.at(-1) === after.at(-1)) {
    before.pop();
    after.pop();
  }
  const shown = (sign: string, lines: string[]) =>
    lines.slice(start, start + mostShown).map((line) => `${sign} ${line}`);
  return [`from line ${start + 1}:`, ...shown('-', before), ...shown('+', after)].join('\n');
}

/** Every field of the schema and of its lists' elements, by path. */
function fieldsOf(node: Schema, path = ''): { path: string; field: Schema }[] {
  const children = Object.entries(node.properties ?? {}).map(([name, field]) => ({
    path: `${path}.${name}`,
    field,
  }));
  if (node.items) children.push({ path: `${path}[]`, field: node.items });
  return children.flatMap((child) => [child, ...fieldsOf(child.field, child.path)]);
}
