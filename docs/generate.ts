/**
 * Writes the chapters of the documentation that come from tables in the code.
 *
 *   node docs/generate.ts           writes them
 *   node docs/generate.ts --check   exits 1 if one of them is not what it would write
 */
import { writeFile } from 'node:fs/promises';
import { formatted, readText } from '../crds/generator/outputs.ts';
import { settingsChapter } from '../src/config/help.ts';
import { daemonsChapters } from './daemons-chapters.ts';

/** What stands between `<!-- mark -->` and `<!-- end of mark -->` in each page. */
const chapters = [
  { page: 'docs/configuration.md', mark: 'settings', text: settingsChapter() },
  { page: 'docs/daemons.md', mark: 'daemons', text: daemonsChapters() },
];

const isCheck = process.argv.includes('--check');
for (const { page, mark, text } of chapters) {
  const present = await readText(page);
  const marks = new RegExp(`(?<=<!-- ${mark} -->\n\n)[^]*(?=\n<!-- end of ${mark} -->)`);
  if (!marks.test(present)) throw new Error(`Cannot generate ${page}: it has no marks for "${mark}"`);
  const wanted = await formatted(
    page,
    present.replace(marks, () => text),
  );
  if (wanted === present) continue;
  if (isCheck) {
    console.error(`${page} differs from its source: run "node docs/generate.ts"`);
    process.exitCode = 1;
  } else await writeFile(new URL(`../${page}`, import.meta.url), wanted);
}
