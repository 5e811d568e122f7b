/** Splits the export of a collection into records. A part that can't be read does not lose the others. */
import { type Document, LineCounter, parseAllDocuments } from 'yaml';

/** One record, or why there is none; `line` is where it begins, if that is known. */
export type Entry = { value: unknown; line?: number } | { problem: string; line?: number };

/**
 * Takes what `mongoexport` writes (one object per line, `--jsonArray`, `--pretty`), and YAML: a list, one record, or
 * several documents.
 */
export function parseRecords(text: string): Entry[] {
  const content = text.replace(/^\uFEFF/, '');
  if (content.includes('\0') || content.includes('\uFFFD'))
    return [{ problem: 'is no UTF-8 text: export the collection with mongoexport, which writes JSON' }];
  return /^\s*[[{]/.test(content) ? fromJson(content) : fromYaml(content);
}

function fromJson(text: string): Entry[] {
  const whole = parsed(text, 1);
  if ('value' in whole) return Array.isArray(whole.value) ? whole.value.map((value) => ({ value })) : [whole];
  return chunks(text).map(fromChunk);
}

interface Chunk {
  text: string;
  /** Where it begins. */
  line: number;
}

/**
 * In all forms of mongoexport a record begins with a brace at the start of a line; only the first of an array has its
 * bracket before it. Anything else belongs to the record before it, unless that is whole already.
 */
function chunks(text: string): Chunk[] {
  const all: Chunk[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const last = all.at(-1);
    if (!last || /^\[?\{/.test(line) || (/^[^\s"}\],]/.test(line) && isWhole(last)))
      all.push({ text: line, line: index + 1 });
    else last.text += `\n${line}`;
  }
  return all.filter((chunk) => withoutArray(chunk).trim() !== '' || isWhole(chunk));
}

function fromChunk(chunk: Chunk): Entry {
  return parsed(isWhole(chunk) ? chunk.text : withoutArray(chunk), chunk.line);
}

function isWhole({ text, line }: Chunk): boolean {
  return 'value' in parsed(text, line);
}

function withoutArray({ text }: Chunk): string {
  return text.replace(/^\[|[,\]\s]+$/g, '');
}

function parsed(text: string, line: number): Entry {
  try {
    return { value: JSON.parse(text), line };
  } catch (error) {
    const isShell = /\b(ObjectId|ISODate|NumberInt|NumberLong|NumberDecimal)\(/.test(text);
    const reason = isShell
      ? 'the mongo shell wrote it'
      : messageOf(error).replace(/ in JSON at position.*/, '');
    return { problem: `is no valid JSON (${reason}): export it with mongoexport`, line };
  }
}

function fromYaml(text: string): Entry[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  return [...documents].flatMap((document) => fromDocument(document, lines));
}

function fromDocument(document: Document.Parsed, lines: LineCounter): Entry[] {
  const [error] = document.errors;
  if (error) {
    const { line } = lines.linePos(error.pos[0]);
    return [{ problem: `is neither JSON nor valid YAML: ${error.message}`, line }];
  }
  const { line } = lines.linePos(document.contents?.range?.[0] ?? document.range[0]);
  try {
    const value: unknown = document.toJS();
    if (value === null) return [];
    return Array.isArray(value) ? value.map((item: unknown) => ({ value: item })) : [{ value, line }];
  } catch (aliases) {
    return [{ problem: `is YAML that can't be resolved: ${messageOf(aliases)}`, line }];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
