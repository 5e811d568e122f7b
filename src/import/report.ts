/** What the import tells its user: a line for each record, a summary, and what is left to do. */
import { presetOf } from '../presets/presets.ts';
import { jobService } from './decide.ts';
import type { ManifestOptions } from './manifests.ts';
import type { Outcome, Plan, PlannedDaemon } from './plan.ts';

export function reportOf(plan: Plan, options: ManifestOptions): string {
  if (plan.outcomes.length === 0)
    return 'There is no record in the input: export the collection "daemon" of Clarive\'s database with mongoexport\n';
  const steps = plan.daemons.length > 0 ? stepsFor(plan, options) : [];
  const sections = [
    plan.outcomes.map((outcome) => lineOf(outcome, options)),
    plan.problems.map((problem) => `error: ${problem}`),
    [summaryOf(plan, options), ...withoutCounterpart(plan)],
    steps.length > 0 ? ['To do:', ...steps.map((step) => `  - ${step}`)] : [],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `${printable(line)}\n`).join(''))
    .join('\n');
}

function lineOf(outcome: Outcome, options: ManifestOptions): string {
  const { daemons, notes, problems } = outcome;
  const became = daemons.map((daemon) => daemonText(daemon, options));
  const errors = problems.map((problem) => `error: ${problem}`);
  return `${recordName(outcome)}: ${[...became, ...notes, ...errors].join('; ')}`;
}

function recordName({ number, line, mongoId, service }: Outcome): string {
  const details = [
    mongoId !== undefined && `_id ${mongoId}`,
    service,
    mongoId === undefined && service === undefined && line !== undefined && `line ${line}`,
  ].filter((detail) => typeof detail === 'string');
  return `record ${number}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
}

function daemonText({ name, id, active }: PlannedDaemon, { stopped }: ManifestOptions): string {
  const started = stopped ? 'starts with the dispatcher' : 'running';
  const state = active ? started : 'stopped';
  return `"${name}" (${id === undefined ? state : `id "${id}", ${state}`})`;
}

function summaryOf({ outcomes, daemons }: Plan, { dispatcher, stopped }: ManifestOptions): string {
  const on = daemons.filter(({ active }) => active).length;
  const failed = outcomes.filter(({ problems }) => problems.length > 0).length;
  const started = stopped ? 'start with the dispatcher' : 'running';
  const made = `${counted(daemons.length, 'ClariveDaemon')} (${on} ${started}, ${daemons.length - on} stopped)`;
  const withDispatcher =
    daemons.length > 0 && dispatcher !== undefined ? ` and ClariveDispatcher "${dispatcher}"` : '';
  const errors = failed > 0 ? `; ${counted(failed, 'record')} with errors` : '';
  return `${counted(outcomes.length, 'record')}: ${made}${withDispatcher}${errors}`;
}

/** What the record tells of processes is what a ClariveDaemon's status tells. */
const runState = new Set(['pid', 'last_ping']);

function withoutCounterpart({ outcomes }: Plan): string[] {
  const fields = outcomes.flatMap(({ ignored, number }) => ignored.map((name) => ({ name, number })));
  const byName = Map.groupBy(
    fields.filter(({ name }) => !runState.has(name)),
    ({ name }) => name,
  );
  if (byName.size === 0) return [];
  const places = [...byName.keys()].toSorted().map((name) => {
    const records = byName.get(name)?.map(({ number }) => number) ?? [];
    return `${name} (record ${records.join(', ')})`;
  });
  return [`Left out, because a ClariveDaemon has nothing like it: ${places.join(', ')}`];
}

function stepsFor(plan: Plan, options: ManifestOptions): string[] {
  return [
    ...failedStep(plan),
    ...jobStep(plan),
    ...imageStep(options),
    configStep(options),
    ...volumeStep(plan, options),
    ...nodeStep(plan),
    stopStep(options),
  ];
}

function failedStep({ outcomes }: Plan): string[] {
  if (outcomes.every(({ problems }) => problems.length === 0)) return [];
  return ['Correct the records with errors, or delete them from the export, and import again.'];
}

function jobStep({ daemons }: Plan): string[] {
  if (!daemons.some(({ service, id }) => service === jobService && id === undefined)) return [];
  return [
    "Jobs that wait for their next step are bound to the old dispatcher's id, usually the lower-case host name of its server. Import again with --id, or let all jobs end before the move.",
  ];
}

/** A job daemon takes the running jobs of its id for dead if it doesn't see their processes. */
function stopStep({ dispatcher, stopped }: ManifestOptions): string {
  const danger = 'two masters on one database reset tasks and mark running jobs as killed';
  const step = 'Let all running jobs and tasks end and stop the classic Dispatcher before you';
  if (!stopped) return `${step} apply the manifests: ${danger}.`;
  return `${step} start the daemons with "kubectl scale clarivedispatcher/${dispatcher} --replicas=1": ${danger}.`;
}

function imageStep({ image }: ManifestOptions): string[] {
  if (image !== undefined) return [];
  return ['The manifests name no image: configure a default image in the operator, or import with --image.'];
}

function configStep({ dispatcher }: ManifestOptions): string {
  const settings = "Clarive's own settings, such as the address of MongoDB, are not in the export";
  if (dispatcher === undefined) return `${settings}: they must be in the image.`;
  return `${settings}: if they are not in the image, write them into spec.config of ClariveDispatcher "${dispatcher}", and passwords into a Secret named in its spec.envFrom.`;
}

function volumeStep({ daemons }: Plan, { dispatcher }: ManifestOptions): string[] {
  const directories = new Set(daemons.flatMap(({ service }) => presetOf(service).durable));
  if (directories.size === 0) return [];
  const owner = dispatcher === undefined ? 'each ClariveDaemon' : `ClariveDispatcher "${dispatcher}"`;
  return [
    `Put volumes named ${[...directories].toSorted().join(', ')} into spec.template.spec.volumes of ${owner}: in a directory without volume data is lost with the pod.`,
  ];
}

function nodeStep({ outcomes }: Plan): string[] {
  const pinned = outcomes.filter(({ isPinned }) => isPinned).flatMap(({ daemons }) => daemons);
  if (pinned.length === 0) return [];
  const names = [...new Set(pinned.map(({ name }) => name))].toSorted();
  return [
    `${names.join(', ')} might run on certain servers only. Pods run on any node: set spec.template.spec.nodeSelector if it matters.`,
  ];
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Control characters of an export neither break a line nor reach the terminal. */
function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}
