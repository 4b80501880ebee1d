import { HoldfastError, STACKLESS } from '../core/errors.ts';

/**
 * Thrown by a step to say that it did nothing and never will: attempts end at once, and the step is not compensated.
 * Your own errors say the same with `retryable: false`.
 */
export class SagaRefusal extends HoldfastError {
  readonly retryable: boolean = false;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super('ERR_SAGA_REFUSED', message, options);
  }

  override get name(): string {
    return 'SagaRefusal';
  }
}

/**
 * Rejects a saga that asks for a semantic lock which another one holds. Nothing was done, so a step that throws it is
 * not compensated; a `retry` of that step waits for the lock.
 */
export class SagaLockedError extends HoldfastError {
  readonly key: string;
  /** The id of the saga that holds it. */
  readonly holder: string;

  constructor(key: string, holder: string) {
    super('ERR_SAGA_LOCKED', `${key} is locked by saga ${holder}`, STACKLESS);
    this.key = key;
    this.holder = holder;
  }

  override get name(): string {
    return 'SagaLockedError';
  }
}

/** Rejects who waits for a saga that failed or was cancelled and is undone. `cause` is the error that ended it. */
export class SagaCompensatedError extends HoldfastError {
  readonly sagaId: string;
  /** The path of the step that failed; empty when the saga was cancelled. */
  readonly step: string;

  constructor(sagaId: string, step: string, cause: unknown) {
    super('ERR_SAGA_COMPENSATED', `saga ${sagaId} is undone: ${step ? `step ${step} failed` : 'it was cancelled'}`, {
      cause,
      // Its own stack would show nothing but this library; that of the cause shows what failed.
      captureStack: false,
    });
    this.sagaId = sagaId;
    this.step = step;
  }

  override get name(): string {
    return 'SagaCompensatedError';
  }
}

/** Rejects who waits for a saga that can go neither on nor back without an operator. `cause` is the error that stopped it. */
export class SagaStuckError extends HoldfastError {
  readonly sagaId: string;
  /** The path of the step whose run, or whose compensation, is broken; empty when the saga brought down its workers. */
  readonly step: string;

  constructor(sagaId: string, step: string, cause: unknown) {
    super('ERR_SAGA_STUCK', `saga ${sagaId} is stuck at ${step}`, { cause });
    this.sagaId = sagaId;
    this.step = step;
  }

  override get name(): string {
    return 'SagaStuckError';
  }
}

/** The reason of the signals of steps of a saga that a runner has cancelled, and what ended that saga. */
export class SagaCancelledError extends HoldfastError {
  readonly reason: string;

  constructor(reason: string) {
    super('ERR_SAGA_CANCELLED', `cancelled${reason && `: ${reason}`}`);
    this.reason = reason;
  }

  override get name(): string {
    return 'SagaCancelledError';
  }
}

/** Rejects a start under an id that another definition or another input has. Nothing was started. */
export class SagaConflictError extends HoldfastError {
  readonly sagaId: string;

  constructor(sagaId: string) {
    super('ERR_SAGA_CONFLICT', `saga ${sagaId} exists with another definition or input`);
    this.sagaId = sagaId;
  }

  override get name(): string {
    return 'SagaConflictError';
  }
}

/**
 * The reason of the signals of steps whose process has lost its lease, or gives it back in `close`: another one goes on.
 * Rejects what is asked of a runner that is closed; nothing was started.
 */
export class LeaseLostError extends HoldfastError {
  constructor() {
    super('ERR_SAGA_LEASE_LOST', 'this worker has no lease any more, or is closed');
  }

  override get name(): string {
    return 'LeaseLostError';
  }
}

/** Fails a step that ran longer than its `timeoutMs`, or waited longer for its event. */
export class StepTimeoutError extends HoldfastError {
  constructor(step: string, timeoutMs: number) {
    super('ERR_SAGA_STEP_TIMEOUT', `step ${step} took longer than ${timeoutMs} ms`);
  }

  override get name(): string {
    return 'StepTimeoutError';
  }
}

/** Thrown for a value that cannot be stored such that it comes back the same. `path` leads to it. */
export class SerializationError extends HoldfastError {
  readonly path: string;

  constructor(path: string, why: string) {
    super('ERR_SAGA_SERIALIZATION', `${path} cannot be stored: ${why}`);
    this.path = path;
  }

  override get name(): string {
    return 'SerializationError';
  }
}
