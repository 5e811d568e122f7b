/** What `run` of node:test reports. */
export interface TestEvent {
  type: string;
  data: unknown;
}

interface TestData {
  name: string;
  file?: string;
  skip?: string | boolean;
  todo?: string | boolean;
}

interface SummaryData {
  file?: string;
  counts: { passed: number; failed: number; cancelled: number };
}

/** Adds up the tests of several runs into the one result that is shown at the end. */
export class Tally {
  passed = 0;
  failed = 0;
  readonly failedFiles: string[] = [];
  readonly #skipped: string[] = [];

  /** Counts what failed outside any test, and tells why. */
  fail(what: string, error: unknown): void {
    this.failed++;
    console.error(what, error);
  }

  /** Passes the events of a run on, without its own sums. */
  async *count(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
    for await (const event of events) {
      if (!this.#add(event)) yield event;
    }
  }

  /** The event upon which a reporter shows the failures once more. */
  rootSummary(): TestEvent {
    return { type: 'test:summary', data: { success: this.failed === 0 } };
  }

  /** Every skipped test with its reason, and `N passed, N failed` as the last line. */
  summary(): string {
    return [...this.#skipped, `${this.passed} passed, ${this.failed} failed`].join('\n');
  }

  /** Returns whether the event is a sum over the whole run. */
  #add({ type, data }: TestEvent): boolean {
    if (type === 'test:pass' || type === 'test:fail') this.#addTest(type, data as TestData);
    const isSum = (data as { file?: string }).file === undefined;
    if (type === 'test:summary' && isSum) this.#addCounts(data as SummaryData);
    return isSum && (type === 'test:summary' || type === 'test:diagnostic');
  }

  #addTest(type: string, { name, file, skip, todo }: TestData): void {
    const reason = skip ?? todo;
    if (reason !== undefined)
      this.#skipped.push(`skipped: ${name}: ${reason === true ? 'no reason given' : reason}`);
    else if (type === 'test:fail' && file !== undefined) this.failedFiles.push(file);
  }

  #addCounts({ counts }: SummaryData): void {
    this.passed += counts.passed;
    this.failed += counts.failed + counts.cancelled;
  }
}
