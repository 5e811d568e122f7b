import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../e2e/host/run.ts';
import { chartsFolder, tool } from './helm.ts';

export interface Finding {
  /** Identifier of the check. */
  check: string;
  /** Name of the object. */
  object: string;
  message: string;
}

interface Score {
  object_meta: { name: string };
  checks: {
    check: { id: string };
    grade: number;
    skipped: boolean;
    comments: { path: string; summary: string }[] | null;
  }[];
}

/** The grade of a check that found nothing. */
const perfect = 10;

export async function kubeScore(manifest: string): Promise<Finding[]> {
  // It ends with 1 if it found something: the findings tell.
  const flags = ['score', '--output-format', 'json', '--kubernetes-version', 'v1.32', '-'];
  const output = await tool('kube-score', flags, { input: manifest, exitCodes: [0, 1] });
  return (JSON.parse(output) as Score[]).flatMap(({ object_meta: { name }, checks }) =>
    checks
      .filter(({ grade, skipped }) => !skipped && grade < perfect)
      .flatMap(({ check, comments }) =>
        (comments ?? []).map(({ path, summary }) => ({
          check: check.id,
          object: name,
          message: `${path}: ${summary}`,
        })),
      ),
  );
}

interface Report {
  Reports:
    { Check: string; Diagnostic: { Message: string }; Object: { K8sObject: { Name: string } } }[] | null;
}

/** The findings, or why there are none: its Go module can't be had from the module proxy, so it is not built here. */
export async function kubeLinter(manifest: string): Promise<Finding[] | string> {
  const program = process.env['KUBE_LINTER'] ?? '';
  if (!existsSync(program))
    return 'KUBE_LINTER names no program; kube-linter is not among those that are built';
  const config = join(chartsFolder, 'kube-linter.yaml');
  const flags = ['lint', '--config', config, '--format', 'json', '-'];
  const output = await run(program, flags, { input: manifest, exitCodes: [0, 1] });
  return ((JSON.parse(output) as Report).Reports ?? []).map(({ Check, Diagnostic, Object }) => ({
    check: Check,
    object: Object.K8sObject.Name,
    message: Diagnostic.Message,
  }));
}
