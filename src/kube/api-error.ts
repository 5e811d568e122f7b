/** Status object that the API server answers a refused request with (metav1.Status). */
interface StatusBody {
  kind?: string;
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { field?: string; message?: string; reason?: string }[] };
}

interface ApiErrorOptions {
  request?: string;
  retryAfter?: string | undefined;
}

/**
 * A request that the API server answered and refused.
 *
 * `code` is the HTTP status, `reason` the machine-readable word of metav1.Status (`Conflict`, `Invalid`, …), `message`
 * the server's own sentence, `retryAfterMs` how long it asked to wait (Retry-After or details.retryAfterSeconds), `request`
 * method and path of what was asked.
 */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  readonly request: string | undefined;

  constructor(code: number, body: string, { request, retryAfter }: ApiErrorOptions = {}) {
    const status = parseStatus(body);
    super(status.message ?? (body.trim().slice(0, 500) || `HTTP status ${code}`));
    this.name = 'ApiError';
    this.code = code;
    this.reason = status.reason ?? '';
    this.retryAfterMs = toMs(retryAfter) ?? toMs(status.details?.retryAfterSeconds);
    this.request = request;
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

/** The object changed, exists already, or a precondition (uid, resourceVersion) does not hold. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === 409;
}

/** The resume point of a watch is older than the server's history: only a fresh list helps. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 410 || error.reason === 'Expired');
}

/** However long a server asks to be left alone. */
const mostRetryAfterMs = 60_000;

/**
 * How long a server that has too much to do asks to be left alone, in milliseconds; 0 if it does not. Honoured for 429 alone: a
 * server that is starting answers 503 and asks for seconds that it doesn't need.
 */
export function tooManyMs(error: unknown): number {
  if (!(error instanceof ApiError) || error.code !== 429) return 0;
  return Math.min(error.retryAfterMs ?? 0, mostRetryAfterMs);
}

/** Whole seconds; the API server never sends the other form of Retry-After, a date. */
function toMs(seconds: string | number | undefined): number | undefined {
  return Number(seconds) > 0 ? Number(seconds) * 1000 : undefined;
}

function parseStatus(body: string): StatusBody {
  try {
    const parsed = JSON.parse(body) as StatusBody | null;
    return parsed?.kind === 'Status' ? parsed : {};
  } catch {
    return {};
  }
}
