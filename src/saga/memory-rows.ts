import type { LogEntry, NewSaga, SagaRecord, SagaSignal, SagaVersion } from './saga-store.ts';

/** What a store in memory keeps of a saga. */
export interface Row {
  record: SagaRecord;
  seenSignals: number;
  readonly log: LogEntry[];
  readonly events: SagaSignal[];
}

/** Nothing of it will ever run again. */
export const hasEnded = ({ status }: SagaRecord): boolean => status === 'completed' || status === 'compensated';

/** A saga that its worker has just started. */
export function newRecord(worker: string, { id, name, version, input }: NewSaga, createdAtMs: number): SagaRecord {
  return {
    id,
    name,
    version,
    status: 'running',
    input,
    worker,
    fence: 1,
    recoveries: 0,
    signals: 0,
    cancelReason: null,
    isCancellable: true,
    wakeAtMs: null,
    createdAtMs,
    finishedAtMs: null,
  };
}

export function isOneOf(definitions: readonly SagaVersion[], { name, version }: SagaVersion): boolean {
  return definitions.some((definition) => definition.name === name && definition.version === version);
}
