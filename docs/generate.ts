/** Writes the chapter of docs/configuration.md that comes from the table of settings: `node docs/generate.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsChapter } from '../src/config/help.ts';

const page = new URL('configuration.md', import.meta.url);
const marks = /(?<=<!-- settings -->\n\n)[^]*(?=\n<!-- end of settings -->)/;

writeFileSync(
  page,
  readFileSync(page, 'utf8').replace(marks, () => settingsChapter()),
);
