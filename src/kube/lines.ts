const newline = 0x0a;

/**
 * Splits a byte stream into lines. It splits on bytes, because a text splitter also breaks at U+2028 and would lose the event that
 * contains one.
 */
export class LineSplitter {
  #rest: Buffer[] = [];

  /** Calls `onLine` for each line that ends in this chunk; what follows the last newline waits for the next chunk. */
  push(chunk: Buffer, onLine: (line: string) => void): void {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const tail = chunk.subarray(start, end);
      const line = this.#rest.length === 0 ? tail : Buffer.concat([...this.#rest, tail]);
      this.#rest = [];
      start = end + 1;
      if (line.length > 0) onLine(line.toString('utf8'));
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
  }
}
