import { EventEmitter, once } from 'node:events';
import { run } from '../host/run.ts';

/** The log of a daemon's container, followed until the container ends, in lines that begin with their time. */
export class PodLog {
  readonly #changes = new EventEmitter();
  #text = '';

  constructor(namespace: string, pod: string) {
    const args = ['--namespace', namespace, 'logs', '--follow', '--timestamps', pod, '--container', 'daemon'];
    const followed = run(process.env['KUBECTL'] ?? 'kubectl', args, { onOutput: (text) => this.#add(text) });
    followed.catch((error: unknown) => this.#add(String(error))); // shown when something is waited for in vain
  }

  /** Waits until so many lines match, and returns when the last of them was written, in milliseconds since 1970. */
  async says(pattern: RegExp, times = 1): Promise<number> {
    const signal = AbortSignal.timeout(60_000);
    for (;;) {
      const line = this.lines(pattern)[times - 1];
      if (line !== undefined) return Date.parse(line.slice(0, line.indexOf(' ')));
      await once(this.#changes, 'change', { signal }).catch((cause: unknown) => {
        throw new Error(`The log does not say ${pattern}, ${times} times:\n${this.#text}`, { cause });
      });
    }
  }

  /** The lines so far that match. */
  lines(pattern: RegExp): string[] {
    const whole = this.#text.slice(0, this.#text.lastIndexOf('\n') + 1);
    return whole.split('\n').filter((line) => pattern.test(line));
  }

  #add(text: string): void {
    this.#text += text;
    this.#changes.emit('change');
  }
}
