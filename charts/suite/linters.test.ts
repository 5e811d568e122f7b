/** What the linters of the field say: nothing, but for what is listed here with its reason. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { kubeLinter, kubeScore, type Finding } from './linters.ts';
import { scenarios, template } from './helm.ts';

type Subject = 'operator' | 'daemon' | 'helm test';

/** A finding that is meant to be. */
interface Exception {
  check: string;
  of: Subject[];
  reason: string;
}

const golden = join(import.meta.dirname, '../../test/desired/golden');

// What users add is theirs, so the values that add something of everything are left out.
const operator = scenarios()
  .filter(({ chart, name }) => chart === 'clarive-operator' && !name.includes('full'))
  .map((scenario) => ({ name: scenario.name, read: () => template(scenario) }));

const daemons = globSync('*.yaml', { cwd: golden })
  .toSorted()
  .map((file) => ({ name: `the Deployment of ${file}`, read: () => readFile(join(golden, file), 'utf8') }));

const linters: {
  name: string;
  lint: (manifest: string) => Promise<Finding[] | string>;
  exceptions: Exception[];
}[] = [
  {
    name: 'kube-score',
    lint: kubeScore,
    exceptions: [
      {
        check: 'container-resources',
        of: ['operator', 'helm test'],
        reason: 'No limit of CPU: throttling would delay starts and stops, and the renewal of the Lease',
      },
      {
        check: 'container-image-pull-policy',
        of: ['operator', 'helm test', 'daemon'],
        reason:
          'Images have versions that never change; a registry that is away must not keep a pod from starting',
      },
      {
        check: 'container-resources',
        of: ['daemon'],
        reason: 'What a daemon needs depends on the installation: users set it in the template',
      },
      {
        check: 'container-ephemeral-storage-request-and-limit',
        of: ['daemon'],
        reason: 'What a daemon writes depends on the installation: users set it in the template',
      },
      {
        check: 'container-security-context-readonlyrootfilesystem',
        of: ['daemon'],
        reason: 'Clarive writes below its own folder in the image',
      },
      {
        check: 'container-security-context-user-group-id',
        of: ['daemon'],
        reason: 'The user id is that of the image, by the value daemons.runAsUser',
      },
      {
        check: 'pod-networkpolicy',
        of: ['daemon'],
        reason: 'What a daemon connects to depends on the installation: policies are the users to make',
      },
    ],
  },
  {
    name: 'kube-linter',
    lint: kubeLinter,
    exceptions: [
      {
        check: 'access-to-create-pods',
        of: ['operator'],
        reason: 'Deployments are what it makes of ClariveDaemons',
      },
      { check: 'restart-policy', of: ['helm test'], reason: 'A test runs once' },
      {
        check: 'no-liveness-probe',
        of: ['helm test', 'daemon'],
        reason: 'A test ends by itself; Clarive has no endpoint to ask, so probes are the template to make',
      },
      {
        check: 'no-readiness-probe',
        of: ['helm test', 'daemon'],
        reason: 'Nobody connects to a test or a daemon',
      },
      {
        check: 'no-read-only-root-fs',
        of: ['daemon'],
        reason: 'Clarive writes below its own folder in the image',
      },
      {
        check: 'non-isolated-pod',
        of: ['daemon'],
        reason: 'What a daemon connects to depends on the installation: policies are the users to make',
      },
      {
        check: 'read-secret-from-env-var',
        of: ['daemon'],
        reason: 'Clarive takes secrets from the environment only',
      },
      {
        check: 'unset-cpu-requirements',
        of: ['daemon'],
        reason: 'What a daemon needs depends on the installation: users set it in the template',
      },
      {
        check: 'unset-memory-requirements',
        of: ['daemon'],
        reason: 'What a daemon needs depends on the installation: users set it in the template',
      },
    ],
  },
];

for (const { name: linter, lint, exceptions } of linters) {
  const used = new Set<Exception>();
  let skipped = false;

  for (const { name, read } of [...operator, ...daemons]) {
    test(`${linter} has nothing to say of ${name}`, async (t) => {
      const findings = await lint(await read());
      if (typeof findings === 'string') {
        skipped = true;
        return t.skip(findings);
      }
      const unexpected = findings.filter((finding) => {
        const exception = exceptions.find(
          ({ check, of }) => check === finding.check && of.includes(subjectOf(finding)),
        );
        if (exception) used.add(exception);
        return !exception;
      });
      assert.deepEqual(unexpected, []);
    });
  }

  test(`each exception for ${linter} is needed`, (t) => {
    if (skipped) return t.skip(`${linter} did not run`);
    assert.deepEqual(
      exceptions.filter((exception) => !used.has(exception)),
      [],
    );
    for (const { check, of, reason } of exceptions) t.diagnostic(`${check} of ${of.join(', ')}: ${reason}`);
  });
}

function subjectOf({ object }: Finding): Subject {
  if (object.endsWith('-test')) return 'helm test';
  return object.includes('operator') || object.includes('clarive-op') ? 'operator' : 'daemon';
}
