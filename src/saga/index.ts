export { saga } from './saga.ts';
export type {
  AnySaga,
  AnyStepDef,
  AtomicStepDef,
  ChildNode,
  CompensateContext,
  EachDef,
  EachNode,
  EventNode,
  GroupOptions,
  OutputOf,
  ParallelNode,
  RetryPolicy,
  Saga,
  SagaNode,
  SagaOptions,
  SagaRunOptions,
  SagaState,
  SleepNode,
  StepContext,
  StepDef,
  StepKind,
  StepNode,
  StepOptions,
  WhenNode,
} from './definition.ts';
export { createSagaRunner } from './runner.ts';
export type { SagaEvent, SagaHandle, SagaRunner, SagaRunnerOptions } from './saga-runner.ts';
export type { SagaSpan, SagaTracer } from './tracing.ts';
export { guard } from './guard.ts';
export type { Guard, GuardOptions, GuardQuery } from './guard.ts';
export { semanticLock } from './semantic-lock.ts';
export type { SemanticLock, SemanticLockHolder, SemanticLockOptions } from './semantic-lock.ts';
export { createOutboxRelay } from './outbox-relay.ts';
export type { OutboxRelay, OutboxRelayEvent, OutboxRelayOptions, OutboxStore } from './outbox-relay.ts';
export { toMermaid } from './mermaid.ts';
export { timeline } from './timeline.ts';
export { memorySagaStore } from './memory-store.ts';
export type { MemorySagaStore, MemorySagaStoreOptions } from './memory-store.ts';
export {
  LeaseLostError,
  SagaCancelledError,
  SagaCompensatedError,
  SagaConflictError,
  SagaLockedError,
  SagaRefusal,
  SagaStuckError,
  SerializationError,
  StepTimeoutError,
} from './errors.ts';
export type {
  ClaimQuery,
  LogEntry,
  LogEntryType,
  NewLogEntry,
  NewSaga,
  OutboxEvent,
  SagaNews,
  SagaQuery,
  SagaRecord,
  SagaSignal,
  SagaSnapshot,
  SagaStatus,
  SagaStore,
  SagaVersion,
  SagaWrite,
} from './saga-store.ts';
