/** From the records of the classic Dispatcher to manifests for this operator. */
import type { IdOptions } from './decide.ts';
import { type ManifestOptions, manifestStream } from './manifests.ts';
import { parseRecords } from './parse.ts';
import { planDaemons } from './plan.ts';
import { reportOf } from './report.ts';

export type ImportOptions = ManifestOptions & IdOptions;

export interface Imported {
  /** YAML for `kubectl apply -f -`; empty if no record could be used. */
  manifests: string;
  /** For the user to read. */
  report: string;
  /** Whether every record and every flag could be used. */
  isComplete: boolean;
}

/**
 * @param text the export of the collection `daemon`
 */
export function importRecords(text: string, options: ImportOptions): Imported {
  const plan = planDaemons(parseRecords(text), options);
  return {
    manifests: manifestStream(plan.daemons, options),
    report: reportOf(plan, options),
    isComplete:
      plan.outcomes.length > 0 && [plan, ...plan.outcomes].every(({ problems }) => problems.length === 0),
  };
}
