/** `clarive-operator import`: reads an export, writes manifests and a report. */
import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type ImportCommand, readImportCommand } from './config/import-options.ts';
import { importRecords } from './import/import.ts';

export interface ImportSurroundings {
  /** Returns the text of a file, or of standard input for undefined; rejects if it can't. */
  read: (path: string | undefined) => Promise<string>;
  /** Writes a file, or standard output for undefined; rejects if it can't. */
  write: (path: string | undefined, text: string) => Promise<void>;
  /** For the report and for errors. */
  tell: (text: string) => void;
}

/**
 * @param argv the arguments after the word "import"
 * @returns the exit code: 0 if every record could be used, 1 if some are left out or an id to be renamed is not there, 2 if there is nothing to apply
 */
export async function importCommand(
  argv: readonly string[],
  surroundings: ImportSurroundings = terminal,
): Promise<number> {
  const { write, tell } = surroundings;
  const result = readImportCommand(argv);
  if ('help' in result) {
    await write(undefined, result.help);
    return 0;
  }
  if ('problems' in result) {
    tell(`${['Cannot use the command line', ...result.problems].join('\n  ')}\n`);
    return 2;
  }
  return runImport(result.command, surroundings).catch((error: unknown) => {
    tell(`Cannot import: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  });
}

async function runImport(
  { input, output, options }: ImportCommand,
  { read, write, tell }: ImportSurroundings,
): Promise<number> {
  const { manifests, report, isComplete } = importRecords(await read(input), options);
  if (manifests !== '') await write(output, manifests);
  tell(report); // last, so that a terminal shows it
  if (manifests === '') return 2;
  return isComplete ? 0 : 1;
}

const terminal: ImportSurroundings = {
  read(path) {
    if (path !== undefined) return readFile(path, 'utf8');
    if (!process.stdin.isTTY) return text(process.stdin);
    return Promise.reject(new Error('name a FILE, or pipe the output of mongoexport in; see import --help'));
  },
  async write(path, content) {
    if (path === undefined) process.stdout.write(content);
    else await writeFile(path, content);
  },
  tell(content) {
    process.stderr.write(content);
  },
};
