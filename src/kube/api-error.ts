/** Status object that the API server answers a refused request with (metav1.Status). */
interface StatusBody {
  kind?: string;
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { field?: string; message?: string; reason?: string }[] };
}

/**
 * A request that the API server answered and refused.
 *
 * `code` is the HTTP status, `reason` the machine-readable word of metav1.Status (`Conflict`, `Invalid`, …), `message`
 * the server's own sentence, `retryAfterMs` how long it asked to wait (Retry-After or details.retryAfterSeconds).
 */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(code: number, body: string, retryAfterHeader?: string) {
    const status = parseStatus(body);
    super(status.message ?? (body.trim().slice(0, 500) || `HTTP status ${code}`));
    this.name = 'ApiError';
    this.code = code;
    this.reason = status.reason ?? '';
    const seconds = Number(retryAfterHeader ?? status.details?.retryAfterSeconds);
    this.retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
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

function parseStatus(body: string): StatusBody {
  try {
    const parsed = JSON.parse(body) as StatusBody | null;
    return parsed?.kind === 'Status' ? parsed : {};
  } catch {
    return {};
  }
}
