/** Plants one mistake per file in a copy of the project's lint set-up and expects the linter to find each. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..');
const clientTypes = "import type { V1Pod } from '@kubernetes/client-node';\nexport type Found = V1Pod;";
const importOf = (path: string) => `import { planted } from '${path}';\nexport const found = planted;`;
const typeOf = (path: string) =>
  `import type { planted } from '${path}';\nexport type Found = typeof planted;`;
const global = (expression: string) => `export const found = (): unknown => ${expression};`;

const imports = 'eslint(no-restricted-imports)';
const globals = 'eslint(no-restricted-globals)';
const properties = 'eslint(no-restricted-properties)';

/** Where, what, and the rule that must object to it. */
const mistakes: [path: string, code: string, rule: string][] = [
  ['src/api/a.ts', importOf('../presets/a.ts'), imports],
  ['src/api/a.ts', typeOf('../status/a.ts'), imports],
  ['src/api/a.ts', importOf('@kubernetes/client-node'), imports],
  ['src/api/a.ts', importOf('node:fs'), imports],
  ['src/api/a.ts', importOf('./../kube/a.ts'), imports],
  ['src/presets/a.ts', importOf('../desired/a.ts'), imports],
  ['src/presets/a.ts', typeOf('../kube/a.ts'), imports],
  ['src/desired/a.ts', importOf('../status/a.ts'), imports],
  ['src/desired/a.ts', typeOf('../kube/a.ts'), imports],
  ['src/desired/a.ts', importOf('node:crypto'), imports],
  ['src/desired/a.ts', importOf('pino'), imports],
  ['src/desired/a.ts', importOf('@kubernetes/client-node'), imports],
  ['src/desired/a.ts', "export { planted } from '../kube/a.ts';", imports],
  ['src/desired/a.ts', "export const found = () => import('../kube/a.ts');", imports],
  ['src/desired/a.ts', global('process.pid'), globals],
  ['src/desired/a.ts', global('Math.random()'), properties],
  ['src/desired/a.ts', global('Date.now()'), properties],
  ['src/import/a.ts', importOf('../desired/a.ts'), imports],
  ['src/import/a.ts', typeOf('../config/a.ts'), imports],
  ['src/import/a.ts', importOf('node:fs'), imports],
  ['src/import/a.ts', global('process.pid'), globals],
  ['src/import-command.ts', importOf('./kube/a.ts'), imports],
  ['src/import-command.ts', importOf('./operator.ts'), imports],
  ['src/status/a.ts', importOf('../desired/a.ts'), imports],
  ['src/status/a.ts', typeOf('../kube/a.ts'), imports],
  ['src/status/a.ts', importOf('yaml'), imports],
  ['src/status/a.ts', global('performance.now()'), globals],
  ['src/status/a.ts', global('setTimeout(() => {}, 1)'), globals],
  ['src/reconcile/a.ts', importOf('../kube/a.ts'), imports],
  ['src/reconcile/a.ts', typeOf('../controller/a.ts'), imports],
  ['src/reconcile/a.ts', importOf('@kubernetes/client-node'), imports],
  ['src/reconcile/a.ts', global('Date.now()'), properties],
  ['src/kube/a.ts', importOf('../desired/a.ts'), imports],
  ['src/kube/a.ts', importOf('../reconcile/reconcile.ts'), imports],
  ['src/kube/a.ts', typeOf('../controller/a.ts'), imports],
  ['src/kube/a.ts', typeOf('@dot-i/k8s-operator'), imports],
  ['src/controller/a.ts', importOf('../reconcile/errors.ts'), imports],
  ['src/controller/a.ts', importOf('../api/labels.ts'), imports],
  ['src/controller/a.ts', importOf('pino'), imports],
  ['src/controller/a.ts', importOf('node:timers'), imports],
  ['src/controller/a.ts', global('setTimeout(() => {}, 1)'), globals],
  ['src/health.ts', importOf('./kube/a.ts'), imports],
  ['src/health.ts', importOf('./operator.ts'), imports],
  ['src/health.ts', typeOf('@dot-i/k8s-operator'), imports],
  ['src/health.ts', importOf('@kubernetes/client-node'), imports],
  ['src/health.ts', global('process.env'), properties],
  ['src/main.ts', importOf('@dot-i/k8s-operator'), imports],
  ['src/main.ts', importOf('@kubernetes/client-node'), imports],
  ['src/operator.ts', importOf('@kubernetes/client-node'), imports],
  ['src/operator.ts', importOf('./main.ts'), imports],
  ['src/kube/a.ts', global('console.log()'), 'eslint(no-console)'],
  ['src/kube/a.ts', 'export default 1;', 'import(no-default-export)'],
  ['src/kube/a.ts', 'export let found: any;', 'typescript(no-explicit-any)'],
  [
    'src/kube/a.ts',
    "import { V1Pod } from '@kubernetes/client-node';\nexport type A = V1Pod;",
    'typescript(consistent-type-imports)',
  ],
  ['src/kube/a.ts', "export function found() {\n  fetch('http://x');\n}", 'typescript(no-floating-promises)'],
  [
    'src/kube/a.ts',
    'export const found = (each: number[]) => each.forEach(async () => {});',
    'typescript(no-misused-promises)',
  ],
  [
    'src/kube/a.ts',
    "export function found(way: 'in' | 'out'): void {\n  switch (way) {\n    case 'in':\n      break;\n  }\n}",
    'typescript(switch-exhaustiveness-check)',
  ],
  ['src/kube/camelCase.ts', 'export const found = 1;', 'unicorn(filename-case)'],
  ['src/kube/one.ts', "import { two } from './two.ts';\nexport const one = () => two;", 'import(no-cycle)'],
  ['src/kube/two.ts', "import { one } from './one.ts';\nexport const two = () => one;", 'import(no-cycle)'],
];

/** What each layer needs and must be let alone with. */
const allowed: [path: string, code: string][] = [
  ['src/api/a.ts', clientTypes],
  ['src/presets/a.ts', importOf('../api/a.ts')],
  ['src/desired/a.ts', importOf('../presets/a.ts')],
  ['src/desired/a.ts', importOf('yaml')],
  ['src/desired/a.ts', clientTypes],
  ['src/status/a.ts', typeOf('../desired/a.ts')],
  ['src/status/a.ts', global("Date.parse('2026-01-01')")],
  ['src/reconcile/a.ts', importOf('../status/a.ts')],
  ['src/kube/a.ts', importOf('@kubernetes/client-node')],
  ['src/kube/a.ts', importOf('../reconcile/errors.ts')],
  ['src/kube/a.ts', typeOf('../status/a.ts')],
  ['src/kube/a.ts', importOf('node:fs/promises')],
  ['src/controller/a.ts', typeOf('../api/object-key.ts')],
  ['src/controller/a.ts', typeOf('pino')],
  ['src/controller/clock.ts', global('Date.now()')],
  ['src/metrics.ts', typeOf('./controller/a.ts')],
  ['src/main.ts', importOf('./operator.ts')],
  ['src/main.ts', importOf('./controller/a.ts')],
  ['src/main.ts', global('process.env')],
  ['src/operator.ts', importOf('@dot-i/k8s-operator')],
  ['src/operator.ts', importOf('./kube/a.ts')],
];

interface Snippet {
  path: string;
  code: string;
  firstLine: number;
}

interface Diagnostic {
  code: string;
  filename: string;
  labels: { span: { line: number } }[];
}

const { files, snippets } = layOut([...mistakes, ...allowed]);
let diagnostics: Diagnostic[];

before(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lint-'));
  try {
    await writeProject(folder);
    diagnostics = await lint(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
});

for (const [index, [path, code, rule]] of mistakes.entries()) {
  test(`${rule} objects in ${path} to ${JSON.stringify(code)}`, () => {
    const rules = rulesAt(snippets[index]!);
    assert.ok(rules.includes(rule), `Only these objected: ${rules.join(', ')}`);
  });
}

for (const [index, [path, code]] of allowed.entries()) {
  test(`no layer rule objects in ${path} to ${JSON.stringify(code)}`, () => {
    const rules = rulesAt(snippets[mistakes.length + index]!);
    assert.deepEqual(
      rules.filter((rule) => [imports, globals, properties].includes(rule)),
      [],
    );
  });
}

/** Puts all snippets of a path into one file, with names of their own. */
function layOut(cases: readonly (readonly [path: string, code: string, rule?: string])[]) {
  const files = new Map<string, string>();
  const snippets: Snippet[] = cases.map(([path, code], index) => {
    const before = files.get(path) ?? '';
    const named = code.replaceAll(/\b([fF]ound|planted)\b/g, `$1${index}`);
    files.set(path, `${before}${named}\n`);
    return { path, code, firstLine: before.split('\n').length };
  });
  return { files, snippets };
}

async function writeProject(folder: string): Promise<void> {
  for (const file of ['.oxlintrc.json', 'tsconfig.json', '.gitignore'])
    await cp(join(root, file), join(folder, file));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, code] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), code);
  }
}

async function lint(folder: string): Promise<Diagnostic[]> {
  const oxlint = join(root, 'node_modules/.bin/oxlint');
  const { stdout } = await promisify(execFile)(oxlint, ['--format=json', 'src'], { cwd: folder }).catch(
    // It ends with 1, as it should: there are mistakes.
    (error: { stdout: string }) => error,
  );
  return (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
}

function rulesAt({ path, code, firstLine }: Snippet): string[] {
  const lastLine = firstLine + code.split('\n').length - 1;
  return diagnostics
    .filter(({ filename }) => filename === path)
    .filter(({ labels }) => labels.some(({ span }) => firstLine <= span.line && span.line <= lastLine))
    .map(({ code: rule }) => rule);
}
