/** Command line of `clarive-operator import`. */
import { idRule, isValidId } from '../import/dispatchers.ts';
import type { ImportOptions } from '../import/import.ts';
import { flagHelp } from './help.ts';
import { file, fileName, image, type Kind, label, namespace, onOrOff } from './kinds.ts';
import { many, namesOf, one, optional, type ValuesOf } from './setting.ts';
import { fromFlags } from './sources.ts';
import { readValues } from './values.ts';

export interface ImportCommand {
  /** Path of the export; undefined: standard input. */
  input: string | undefined;
  /** Where the manifests go; undefined: standard output. */
  output: string | undefined;
  options: ImportOptions;
}

export type ImportCommandResult = { command: ImportCommand } | { help: string } | { problems: string[] };

const id: Kind<string> = {
  placeholder: 'ID',
  expected: `an id: ${idRule}`,
  parse: (text) => (isValidId(text) ? text : undefined),
};

const renaming: Kind<readonly [from: string, to: string]> = {
  placeholder: 'OLD=NEW',
  expected: `two ids such as "app_1_=app1", of which the new one has ${idRule}`,
  parse(text) {
    const { from, to } = /^(?<from>.+)=(?<to>[^=]*)$/.exec(text)?.groups ?? {};
    return from !== undefined && to !== undefined && isValidId(to) ? [from, to] : undefined;
  },
};

const flags = {
  namespace: optional(namespace, 'that of the kube context', 'Namespace of the manifests.'),
  dispatcher: one(
    label,
    'main',
    'Name of the ClariveDispatcher, which gives the daemons their common settings.',
  ),
  noDispatcher: one(onOrOff, 'false', 'Whether each daemon stands for itself, without a ClariveDispatcher.'),
  image: optional(
    image,
    "the operator's",
    'Image of the ClariveDispatcher; without one, of each ClariveDaemon.',
  ),
  environment: optional(
    fileName,
    "the operator's",
    "Name of Clarive's configuration, which the classic Dispatcher gets as `-c`.",
  ),
  stopped: one(onOrOff, 'false', 'Whether no daemon starts until the ClariveDispatcher is scaled to 1.'),
  id: optional(
    id,
    'none',
    "Id of the daemons whose records tell no dispatcher. Jobs are bound to it. It should be the classic Dispatcher's, which is the host name of its server in lower case, unless it was started with another.",
  ),
  renameId: many(renaming, 'none', 'Gives the daemons of one dispatcher another id.'),
  output: optional(file, 'standard output', 'Where the manifests are written.'),
};

const helpText = `Usage: clarive-operator import [flags] [FILE]

Reads the daemons of a classic Dispatcher and prints manifests for this operator. A report of what was decided, and of
what is left to do, goes to standard error.

FILE is the export of the collection "daemon" by mongoexport, or the same as YAML. Without FILE, or with -, it is read
from standard input:

  mongoexport --db clarive --collection daemon | clarive-operator import > daemons.yaml

${namesOf(flags)
  .map((name) => flagHelp(name, flags[name]))
  .join('\n')}
  --help, -h
      Show this text.

Exit code: 0 if every record could be used, 1 if some are left out or an id to be
renamed is not there, 2 if there is nothing to apply.
`;

/** Reads the arguments after the word "import". */
export function readImportCommand(argv: readonly string[]): ImportCommandResult {
  const { given, words, help, problems } = fromFlags(argv, flags);
  if (help) return { help: helpText };

  const { values, problems: wrong } = readValues(flags, given);
  const tooMany = words.slice(1).map((word) => `"${word}" is too much: give one FILE`);
  const meaningless = values.noDispatcher
    ? [given.dispatcher, given.environment, given.stopped]
        .flatMap((one) => one?.place ?? [])
        .map((place) => `${place} has no meaning with --no-dispatcher: leave one of them out`)
    : [];
  const all = [...problems, ...wrong, ...tooMany, ...meaningless];
  if (all.length > 0) return { problems: all };

  const [input] = words;
  return { command: { input: pathOf(input), output: pathOf(values.output), options: optionsOf(values) } };
}

function pathOf(text: string | undefined): string | undefined {
  return text === '-' ? undefined : text;
}

function optionsOf(values: ValuesOf<typeof flags>): ImportOptions {
  const { namespace, noDispatcher, dispatcher, image, environment, stopped, id, renameId } = values;
  return {
    namespace,
    dispatcher: noDispatcher ? undefined : dispatcher,
    image,
    environment,
    stopped,
    id,
    renamedIds: new Map(renameId),
  };
}
