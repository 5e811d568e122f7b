/** Writes what is generated in docs: the settings in configuration.md, and argo-cd/argocd-cm.yaml. */
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsChapter } from '../src/config/help.ts';
import { configMap } from './argo-cd/config-map.ts';

const page = new URL('configuration.md', import.meta.url);
const marks = /(?<=<!-- settings -->\n\n)[^]*(?=\n<!-- end of settings -->)/;

writeFileSync(
  page,
  readFileSync(page, 'utf8').replace(marks, () => settingsChapter()),
);
writeFileSync(new URL('argo-cd/argocd-cm.yaml', import.meta.url), configMap());
