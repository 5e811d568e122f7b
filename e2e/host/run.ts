import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Options of `run`. */
export interface RunOptions {
  cwd?: string;
  /** Added to the environment of this process. */
  env?: Record<string, string>;
  /** Text for standard input. */
  input?: string;
  /** Exit codes that are no failure; only 0 by default. */
  exitCodes?: number[];
  /** Gets each chunk of standard output and standard error as it comes. */
  onOutput?: (text: string) => void;
}

/** Runs a command to its end and returns its standard output. Throws, with the end of its error output, if it fails. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    options.onOutput?.(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
    options.onOutput?.(text);
  });
  child.stdin.on('error', () => {}); // A command that does not read its input is no failure.
  child.stdin.end(options.input ?? '');
  const [code, signal] = await once(child, 'close').catch((cause: unknown) => {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT' && !options.cwd;
    throw new Error(`Cannot run "${command}"${isMissing ? ', because it is not installed' : ''}`, { cause });
  });
  const { exitCodes = [0] } = options;
  if (exitCodes.includes(code as number)) return output;
  throw new Error(
    `"${command} ${args.join(' ')}" ended with ${code ?? signal}:\n${lastLines(errors || output, 20)}`,
  );
}

/** The last `count` lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
