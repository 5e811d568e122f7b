/** Where settings come from: flags, environment and file, each as texts together with what to call their place in a message. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { closest } from './closest.ts';
import { flagOf, type NameOf, namesOf, type Setting, type Settings } from './setting.ts';
import { type Name, names, settings, variableOf, variablePrefix } from './settings.ts';

/** One setting in one source. */
export interface Given {
  /** `--workers`, `CLARIVE_OPERATOR_WORKERS` or `workers (operator.yaml, line 3)`. */
  place: string;
  texts: readonly string[];
}

export interface Source<N extends string = Name> {
  given: Partial<Record<N, Given>>;
  problems: string[];
}

export interface Flags<N extends string = Name> extends Source<N> {
  help: boolean;
  version: boolean;
  /** What is neither flag nor value. */
  words: string[];
}

const more = 'see --help for all settings';

/** A flag without value is a problem, unless it is a switch; so is one that the table does not have. */
export function fromFlags<Table extends Settings>(
  argv: readonly string[],
  table: Table,
): Flags<NameOf<Table>> {
  const flags: Flags<NameOf<Table>> = { given: {}, problems: [], help: false, version: false, words: [] };
  const byFlag = new Map(namesOf(table).map((name) => [flagOf(name), name]));
  const options = flagOptions(table);
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  let unknownAt: number | undefined;
  for (const token of tokens) {
    const followsUnknown = token.index - 1 === unknownAt;
    if (token.kind === 'positional' && !followsUnknown) flags.words.push(token.value);
    if (token.kind !== 'option') continue;
    const { rawName, value, inlineValue } = token;
    const name = byFlag.get(rawName);
    const setting = name && table[name];
    if (token.name === 'help') flags.help = true;
    else if (token.name === 'version') flags.version = true;
    else if (name === undefined || setting === undefined) {
      flags.problems.push(unknown(rawName, byFlag.keys()));
      unknownAt = token.index;
    } else if (lacksValue(setting, value, inlineValue))
      flags.problems.push(`${rawName} has no value: set it to ${setting.expected}`);
    else add(flags, name, { place: rawName, texts: [...(flags.given[name]?.texts ?? []), value ?? 'true'] });
  }
  return flags;
}

/**
 * Variables of the environment. A name with our prefix that is nearly one of ours is a problem; others may be anybody's: Kubernetes
 * itself sets `CLARIVE_OPERATOR_METRICS_PORT` and the like for a Service named clarive-operator-metrics.
 */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const source: Source = { given: {}, problems: [] };
  const byVariable = new Map(names.map((name) => [variableOf(name), name]));
  for (const [variable, text] of Object.entries(env)) {
    const name = byVariable.get(variable);
    if (name) add(source, name, { place: variable, texts: [text ?? ''] });
    else if (
      variable.startsWith(variablePrefix) &&
      closest(variable, byVariable.keys(), variablePrefix.length)
    )
      source.problems.push(unknown(variable, byVariable.keys(), variablePrefix.length));
  }
  return source;
}

/** The YAML file: a map from names of settings to text, number, list or map. */
export function fromFile(path: string, text: string): Source {
  const source: Source = { given: {}, problems: [] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  for (const { message, pos } of document.errors)
    source.problems.push(`${path}, line ${lines.linePos(pos[0]).line} is no valid YAML: ${message}`);
  if (document.errors.length > 0 || document.contents === null) return source;
  if (!isMap(document.contents)) {
    source.problems.push(`${path} is no map of settings: write each as "name: value", ${more}`);
    return source;
  }
  for (const { key, value } of document.contents.items) {
    const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1;
    addFromFile(source, String(key), `${path}, line ${line}`, value?.toJS(document));
  }
  return source;
}

function addFromFile(source: Source, key: string, where: string, value: unknown): void {
  const known = names.filter((name) => name !== 'config');
  const name = known.find((candidate) => candidate === key);
  if (!name) {
    source.problems.push(unknown(key, known, 0, ` (${where})`));
    return;
  }
  const { takesMany, expected } = settings[name];
  const texts = takesMany ? textsOf(value) : textOf(value);
  if (texts) add(source, name, { place: `${name} (${where})`, texts });
  else
    source.problems.push(
      `${name} (${where}) is ${JSON.stringify(value)}: set it to ${takesMany ? 'a list, each ' : ''}${expected}`,
    );
}

/** What is empty counts as not given. */
function add<N extends string>(source: Source<N>, name: N, given: Given): void {
  if (given.texts.some((text) => text !== '')) source.given[name] = given;
}

function textOf(value: unknown): string[] | undefined {
  if (value === null || value === undefined) return [];
  if (typeof value === 'string') return [value];
  return typeof value === 'number' || typeof value === 'boolean' ? [String(value)] : undefined;
}

function textsOf(value: unknown): string[] | undefined {
  if (typeof value !== 'object' || value === null) return textOf(value);
  const texts = Array.isArray(value)
    ? value.map((item) => textOf(item)?.join())
    : Object.entries(value).map(([key, item]) =>
        textOf(item)
          ?.map((text) => `${key}=${text}`)
          .join(),
      );
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

function flagOptions(table: Settings): NonNullable<ParseArgsConfig['options']> {
  const entries = namesOf(table).map((name) => {
    const type = table[name]?.placeholder === undefined ? ('boolean' as const) : ('string' as const);
    return [flagOf(name).slice(2), { type }] as const;
  });
  return {
    ...Object.fromEntries(entries),
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
  };
}

/** What follows a flag is its value, unless it looks like the next flag. */
function lacksValue(
  { placeholder }: Setting<unknown>,
  value: string | undefined,
  inlineValue: boolean | undefined,
): boolean {
  if (placeholder === undefined) return false;
  return value === undefined || (!inlineValue && value.startsWith('-') && value !== '-');
}

function unknown(word: string, candidates: Iterable<string>, prefixLength = 0, where = ''): string {
  const suggestion = closest(word, candidates, prefixLength);
  return `${word}${where} is unknown: ${suggestion ? `did you mean ${suggestion}?` : more}`;
}
