import { HoldfastError, STACKLESS } from '../core/errors.ts';
import type { CircuitState } from './circuit-breaker.ts';

/** Rejects a call that a circuit breaker did not let through. The work was not started. */
export class CircuitOpenError extends HoldfastError {
  /** The state that turned the call away; `closed` while admission ramps up after a recovery. */
  readonly state: CircuitState;
  /**
   * Milliseconds until the circuit lets a trial through. Infinity when it was forced open; 0 when a
   * call may be let through at any moment, because trials are running or admission ramps up.
   */
  readonly retryAfterMs: number;

  constructor(message: string, state: CircuitState, retryAfterMs: number, captureStack: boolean = false) {
    super('ERR_CIRCUIT_OPEN', message, captureStack ? undefined : STACKLESS);
    this.state = state;
    this.retryAfterMs = retryAfterMs;
  }

  override get name(): string {
    return 'CircuitOpenError';
  }
}
