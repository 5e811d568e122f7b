/** What a setting is: a row of a table from which parsing, help and messages come. */
import type { Kind } from './kinds.ts';

export interface Setting<T> {
  description: string;
  placeholder: string | undefined;
  expected: string;
  /** Whether it takes several values: a flag may be repeated, a text has commas, the file a list or a map. */
  takesMany: boolean;
  default: T;
  /** As help and documentation show it. */
  defaultText: string;
  /** The value of these texts, or those of them that are wrong. */
  read: (texts: readonly string[]) => { value: T } | { wrong: string[] };
}

/** Settings by name, in camel case. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type NameOf<Table extends Settings> = Extract<keyof Table, string>;
export type ValuesOf<Table extends Settings> = { [Name in keyof Table]: Table[Name]['default'] };

export function namesOf<Table extends Settings>(table: Table): NameOf<Table>[] {
  return Object.keys(table) as NameOf<Table>[];
}

/** `healthAddress` is `health-address`. */
export const words = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** `healthAddress` is `--health-address`. */
export const flagOf = (name: string) => `--${words(name)}`;

export function one<T>(kind: Kind<T>, defaultText: string, description: string): Setting<T> {
  const fallback = kind.parse(defaultText);
  if (fallback === undefined)
    throw new Error(`Cannot use "${defaultText}" as a default: it must be ${kind.expected}`);
  return { ...single(kind, defaultText, description), default: fallback };
}

export function optional<T>(kind: Kind<T>, defaultText: string, description: string): Setting<T | undefined> {
  return { ...single<T | undefined>(kind, defaultText, description), default: undefined };
}

/** Of a flag given twice the later counts, so that one can be appended to a command line. */
function single<T>(kind: Kind<T>, defaultText: string, description: string): Omit<Setting<T>, 'default'> {
  const { placeholder, expected, parse } = kind;
  const read = (texts: readonly string[]) => {
    const text = texts.at(-1) ?? '';
    const value = parse(text);
    return value === undefined ? { wrong: [text] } : { value };
  };
  return { description, placeholder, expected, takesMany: false, defaultText, read };
}

export function many<T>(kind: Kind<T>, defaultText: string, description: string): Setting<readonly T[]> {
  const { placeholder, expected, parse } = kind;
  const read = (texts: readonly string[]) => {
    const items = texts.flatMap((text) => text.split(',')).map((item) => item.trim());
    const present = items.filter((item) => item !== '');
    // An empty text gives nothing; commas without a name are a variable that was not set.
    if (present.length === 0 && items.length > texts.length) return { wrong: [...texts] };
    const wrong = present.filter((item) => parse(item) === undefined);
    if (wrong.length > 0) return { wrong };
    return { value: present.map(parse).filter((value) => value !== undefined) };
  };
  return { description, placeholder, expected, takesMany: true, default: [], defaultText, read };
}
