import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { generatedFiles } from '../generator.ts';
import { chartsFolder } from './helm.ts';

test('what is generated in charts is up to date', async () => {
  for (const [path, text] of await generatedFiles((line) => console.error(line)))
    assert.equal(await readFile(join(chartsFolder, path), 'utf8'), text, `${path}: run "npm run generate"`);
});
