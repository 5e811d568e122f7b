/** Why the API server will not take a child, told with its own words. */
export type RefusalReason = 'InvalidSpec' | 'AdmissionRejected' | 'Conflict';

/** A write may have been carried out, or may still be within `forMs`: nobody has seen how it ended. */
export class UncertainError extends Error {
  readonly forMs: number;

  constructor(forMs: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UncertainError';
    this.forMs = forMs;
  }
}

/**
 * The API server understood a write and refuses it: trying again helps only after something else changed. Whoever talks to the
 * API server translates its answer into this; the story reports it in the daemon's status.
 */
export class RefusedError extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RefusedError';
    this.reason = reason;
  }
}
