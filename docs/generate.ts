/**
 * Writes what is generated in docs: the chapters that come from tables in the code, and argo-cd/argocd-cm.yaml.
 *
 *   node docs/generate.ts           writes it
 *   node docs/generate.ts --check   exits 1 if a file is not what it would write
 */
import { writeFile } from 'node:fs/promises';
import { formatted, readText } from '../crds/generator/outputs.ts';
import { settingsChapter } from '../src/config/help.ts';
import { configMap } from './argo-cd/config-map.ts';
import { daemonsChapters } from './daemons-chapters.ts';
import { chaptersOf } from './kind-chapters.ts';

const files = {
  'docs/clarivedaemon.md': await pageWith('docs/clarivedaemon.md', await chaptersOf('daemon')),
  'docs/clarivedispatcher.md': await pageWith('docs/clarivedispatcher.md', await chaptersOf('dispatcher')),
  'docs/configuration.md': await pageWith('docs/configuration.md', { settings: settingsChapter() }),
  'docs/daemons.md': await pageWith('docs/daemons.md', { daemons: daemonsChapters() }),
  'docs/argo-cd/argocd-cm.yaml': configMap(),
};

const isCheck = process.argv.includes('--check');
for (const [path, text] of Object.entries(files)) {
  if (text === (await readText(path))) continue;
  if (isCheck) {
    console.error(`${path} differs from its source: run "node docs/generate.ts"`);
    process.exitCode = 1;
  } else await writeFile(new URL(`../${path}`, import.meta.url), text);
}

/** The page, with each text between `<!-- mark -->` and `<!-- end of mark -->`. */
async function pageWith(path: string, texts: Record<string, string>): Promise<string> {
  let page = await readText(path);
  for (const [mark, text] of Object.entries(texts)) {
    const place = new RegExp(`(?<=<!-- ${mark} -->\n\n)[^]*(?=\n?<!-- end of ${mark} -->)`);
    if (!place.test(page)) throw new Error(`Cannot generate ${path}: it has no marks for "${mark}"`);
    page = page.replace(place, () => `${text}\n`);
  }
  return formatted(path, page);
}
