/** From texts to values, or to what is wrong with them. */
import { type NameOf, namesOf, type Settings, type ValuesOf } from './setting.ts';
import type { Source } from './sources.ts';

/** Of what is not given, or wrong, the default is taken. */
export function readValues<Table extends Settings>(
  table: Table,
  given: Source<NameOf<Table>>['given'],
): { values: ValuesOf<Table>; problems: string[] } {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of namesOf(table)) {
    const setting = table[name];
    const source = given[name];
    const result = source && setting?.read(source.texts);
    values[name] = result && 'value' in result ? result.value : setting?.default;
    for (const text of result && 'wrong' in result ? result.wrong : [])
      problems.push(`${source?.place} is "${text}": set it to ${setting?.expected}`);
  }
  return { values: values as ValuesOf<Table>, problems };
}
