import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import packageFile from '../package.json' with { type: 'json' };
import { bundle } from '../e2e/images/operator/bundle.ts';
import { imageEnvironment, nodeFlags } from '../e2e/images/operator/node-flags.ts';

const root = join(import.meta.dirname, '..');
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'clarive-bundle-'));
after(() => rmSync(folder, { recursive: true }));
const { file, sbom, metafile } = await bundle(folder);

/** Runs the bundle as the image does, where no package can be found. */
function run(...args: string[]): string {
  const env = { PATH: process.env['PATH'], ...imageEnvironment() };
  return execFileSync(process.execPath, [...nodeFlags(), file, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
}

test('the bundle runs by itself and tells its version and its settings', () => {
  assert.equal(run('--version'), `${packageFile.version}\n`);
  assert.match(run('--help'), /^Usage: clarive-operator/);
});

test('the bundle needs nothing but what Node has', () => {
  const imports = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  assert.ok(imports.length > 0);
  assert.deepEqual(
    imports.filter((path) => !isBuiltin(path)),
    [],
  );
});

test('the bundle is small, ASCII, and names no folder of this machine', () => {
  const text = readFileSync(file, 'latin1');
  assert.ok(statSync(file).size < 2e6);
  assert.doesNotMatch(text, /\P{ASCII}/u);
  assert.ok(!text.includes(root));
});

test('the same sources make the same bundle and the same bill of materials', async () => {
  const other = await bundle(join(folder, 'again'));
  assert.ok(readFileSync(file).equals(readFileSync(other.file)));
  assert.equal(readFileSync(sbom, 'utf8'), readFileSync(other.sbom, 'utf8'));
});

test('the bill of materials names the packages in the bundle, at the versions of package.json', () => {
  const { components } = JSON.parse(readFileSync(sbom, 'utf8')) as { components: { purl: string }[] };
  const purls = new Set(components.map(({ purl }) => purl));
  for (const [name, version] of Object.entries(packageFile.dependencies))
    assert.ok(purls.has(`pkg:npm/${name.replace('@', '%40')}@${version}`), name);
});

test('the Dockerfile names the version of the package and the Node of .node-version', () => {
  const node = readFileSync(join(root, '.node-version'), 'utf8').trim();
  assert.ok(dockerfile.includes(`org.opencontainers.image.version="${packageFile.version}"`));
  assert.match(dockerfile, new RegExp(`^ARG BUILD_IMAGE=\\S+/node:${node}-`, 'm'));
  assert.match(dockerfile, new RegExp(`^ARG NODE_IMAGE=\\S+/nodejs${node.split('.')[0]}-`, 'm'));
});

test('the image starts the bundle as a user with a number', () => {
  assert.match(dockerfile, /^USER [1-9]\d*:[1-9]\d*$/m);
  const [, copied] = /^COPY --from=build \S+ (\S+)$/m.exec(dockerfile) ?? [];
  assert.ok(copied && dockerfile.includes(`"${copied}"]`));
});
