/** Exports of the collection `daemon`, one for each form that a record has had, and what becomes of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { importRecords, type ImportOptions } from '../../src/import/import.ts';

const folder = new URL('./fixtures/', import.meta.url);

export const generations = ['first', 'second', 'third'] as const;

export function exportOf(generation: string): string {
  return readFileSync(new URL(`${generation}-generation.mongoexport`, folder), 'utf8');
}

export const defaultOptions: ImportOptions = {
  namespace: undefined,
  dispatcher: 'main',
  image: undefined,
  environment: undefined,
  stopped: false,
  id: undefined,
  renamedIds: new Map(),
};

export function importWith(records: unknown, options: Partial<ImportOptions> = {}) {
  const text = typeof records === 'string' ? records : JSON.stringify(records);
  return importRecords(text, { ...defaultOptions, ...options });
}

/** The content of a file beside the export; with UPDATE_GOLDEN the file gets what is now. */
export function golden(name: string, now: string): string {
  const file = new URL(name, folder);
  if (process.env['UPDATE_GOLDEN']) writeFileSync(file, now);
  return readFileSync(file, 'utf8');
}
