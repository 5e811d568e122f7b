import { pino, stdSerializers, stdTimeFunctions, type Logger, type SerializedError } from 'pino';

/** JSON lines on standard output. Objects are never logged whole: their env and config may hold what nobody should read. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: (error: Error) => withoutStack(stdSerializers.err(error)) },
  });
}

/** An error that a server or the network has caused says it all in its message; a stack is for our own mistakes. */
function withoutStack(error: SerializedError): object {
  if (error['code'] === undefined) return error;
  const { stack: _, ...rest } = error;
  return rest;
}
