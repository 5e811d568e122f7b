/** The chapters of docs/daemons.md that come from the table of presets. */
import {
  afterDrainSeconds,
  presets,
  unknownService,
  type Directory,
  type Preset,
} from '../src/presets/presets.ts';

/** All services in one table, then one section for each. */
export function daemonsChapters(): string {
  const services = Object.entries(presets);
  return [
    '| Service | What it does | How many | A stop takes at most |',
    '| --- | --- | --- | --- |',
    ...services.map(rowOf),
    '',
    '## The standard daemons',
    '',
    "These are the daemons that, by Clarive's manual, run in any typical installation.",
    '',
    ...services.filter(([, { standard }]) => standard).map(sectionOf),
    '## Further services',
    '',
    ...services.filter(([, { standard }]) => !standard).map(sectionOf),
    '## Any other service',
    '',
    `The operator runs every \`service.*\` that the image's Clarive has in its registry, such as one of a plugin, and warns that it does not know it (Event \`UnknownService\`).`,
    '',
    ...factsOf(unknownService),
    '',
  ].join('\n');
}

function rowOf([service, preset]: [string, Preset]): string {
  return `| [\`${service}\`](#${anchorOf(service)}) | ${preset.description} | ${shortCountOf(preset)} | ${durationOf(graceOf(preset))} |`;
}

/** As GitHub makes it of a heading. */
function anchorOf(service: string): string {
  return service.replaceAll('.', '');
}

function sectionOf([service, preset]: [string, Preset]): string {
  const alias = preset.alias
    ? ` Clarive's manual calls it \`${preset.alias}\`; \`spec.service\` takes both.`
    : '';
  const caution = preset.caution ? [`**${preset.caution}.**`, ''] : [];
  const lines = [
    `### ${service}`,
    '',
    `${preset.description}.${alias}`,
    '',
    ...caution,
    ...factsOf(preset),
    '',
  ];
  return lines.join('\n');
}

function factsOf(preset: Preset): string[] {
  return [
    `- **How many:** ${countOf(preset)}`,
    `- **A stop:** ${stopOf(preset)}`,
    `- **Directories:** ${directoriesOf(preset)}`,
  ];
}

function shortCountOf({ singleton, exclusive }: Preset): string {
  if (singleton) return 'one';
  return exclusive === 'id' ? 'one for each id' : 'any number';
}

const contention = 'exclusive.md#two-daemons-one-place';
const neverTwo = '[a second one never starts](exclusive.md) while one may still run';

function countOf({ singleton, exclusive }: Preset): string {
  if (exclusive === 'service')
    return `one in an installation. Two at the same time would damage each other's work, so ${neverTwo}.`;
  if (singleton)
    return `one in an installation. A second one gains nothing, and [says Conflict](${contention}).`;
  if (exclusive === 'none')
    return 'any number, each with a `spec.id` of its own. Nothing is known of what two of them do to each other.';
  return `any number, each with a \`spec.id\` of its own. Two of one id at the same time would damage each other's work, so ${neverTwo}.`;
}

function stopOf({ drain, graceSeconds }: Preset): string {
  if (!drain)
    return `TERM to the daemon and all that it has started; what still runs ${durationOf(graceSeconds)} later is killed.`;
  return (
    `${drain.signal} to the daemon alone. What it has started may run on for ${durationOf(drain.seconds)} ` +
    `(\`spec.drain.timeoutSeconds: ${drain.seconds}\`), then gets TERM, and is killed ${afterDrainSeconds} seconds after that.`
  );
}

function graceOf({ drain, graceSeconds }: Preset): number {
  return drain ? Math.max(graceSeconds, drain.seconds + afterDrainSeconds) : graceSeconds;
}

function directoriesOf({ directories, durable }: Preset): string {
  if (directories.length === 0) return 'none.';
  const scratch = directories.filter((name) => !durable.includes(name));
  const sentences = [];
  if (durable.length > 0) sentences.push(`${list(durable)} must be on lasting volumes.`);
  if (scratch.length > 0)
    sentences.push(
      `${list(scratch)} may be ${scratch.length > 1 ? 'empty directories' : 'an empty directory'}.`,
    );
  return sentences.join(' ');
}

function list(directories: readonly Directory[]): string {
  return directories.map((name) => `\`${name}\``).join(', ');
}

function durationOf(seconds: number): string {
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  const parts = [minutes > 0 && counted(minutes, 'minute'), rest > 0 && counted(rest, 'second')];
  return parts.filter(Boolean).join(' ');
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
