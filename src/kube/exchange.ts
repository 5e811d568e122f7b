import http from 'node:http';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';

export interface ExchangeOptions {
  /** Where to and what: everything that node:http wants to know. */
  options: https.RequestOptions;
  body: Buffer | undefined;
  /** Time for the whole answer; for a stream, until its head is there. */
  timeoutMs: number;
  signal: AbortSignal | undefined;
  /** The body of a good answer is left to the caller, and only the signal ends it. */
  streamed: boolean;
}

export interface Answer {
  response: IncomingMessage;
  /** The body; empty if it is left to the caller. */
  text: string;
}

/** A kept-alive connection broke when it was used again, before anything of the answer arrived. */
export class StaleConnectionError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = 'StaleConnectionError';
  }
}

export function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/**
 * Sends one request and returns the answer, whatever its status. Throws the network's error, the signal's reason, or a time-out; then the
 * connection is closed. Whatever the outcome, no timer, listener or unread body is left behind.
 */
export function exchange({ options, body, timeoutMs, signal, streamed }: ExchangeOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(asError(signal.reason));
    const outgoing = (options.protocol === 'https:' ? https : http).request(options);
    let incoming: IncomingMessage | undefined;
    const timer = setTimeout(() => fail(new Error(`No answer within ${timeoutMs} ms`)), timeoutMs);
    const onAbort = () => fail(asError(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });

    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: Error) => {
      settle();
      reject(error);
      (incoming ?? outgoing).destroy(error);
    };

    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      fail(outgoing.reusedSocket && !incoming && isReset(error) ? new StaleConnectionError(error) : error),
    );
    outgoing.once('response', (response: IncomingMessage) => {
      incoming = response;
      if (streamed && isSuccess(response)) {
        clearTimeout(timer);
        response.once('close', settle);
        return resolve({ response, text: '' });
      }
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', fail);
      response.once('end', () => {
        settle();
        resolve({ response, text });
      });
    });
    outgoing.end(body);
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function isReset({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE';
}
