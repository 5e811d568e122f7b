import { pino, stdTimeFunctions, type Logger } from 'pino';

/** JSON lines on standard output. Objects are never logged whole: their env and config may hold what nobody should read. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
