export { publishCache, publishDecisions, publishEvents, subscribeEvents } from './publish.ts';
export type { CacheListeners, PublishOptions } from './publish.ts';
export type { CacheEvent, DiagnosticEvents, DiagnosticKind, DiagnosticMessage, RateLimitEvent } from './kinds.ts';
