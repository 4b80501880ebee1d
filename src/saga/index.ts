export { memorySagaStore } from './memory-store.ts';
export type { MemorySagaStore, MemorySagaStoreOptions } from './memory-store.ts';
export {
  LeaseLostError,
  SagaCompensatedError,
  SagaConflictError,
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
