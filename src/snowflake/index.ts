export { createSnowflake } from './snowflake.ts';
export type { Snowflake, SnowflakeOptions } from './snowflake.ts';
export { createSharedSnowflake } from './shared.ts';
export type { SharedSnowflakeOptions } from './shared.ts';
export { createLeasedSnowflake } from './leased.ts';
export type { LeasedSnowflake, LeasedSnowflakeOptions } from './leased.ts';
export { acquireWorkerLease } from './lease.ts';
export type { WorkerLease, WorkerLeaseEvent, WorkerLeaseOptions } from './lease.ts';
export type { LeaseGrant, LeaseRelease, LeaseRenewal, LeaseRequest, WorkerLeaseStore } from './lease-store.ts';
export { snowflakeCodec } from './codec.ts';
export type { SnowflakeCodec, SnowflakeParts } from './codec.ts';
export { workerIdFromEnv, workerIdFromHostname } from './worker-id.ts';
export { fromBase62, fromCrockford, fromHex, toBase62, toCrockford, toHex } from './text.ts';
export {
  defaultLayout,
  discordLayout,
  instagramLayout,
  mastodonLayout,
  safeNumberLayout,
  sonyflakeLayout,
  tsidLayout,
  twitterLayout,
} from './layout.ts';
export type { SnowflakeLayout } from './layout.ts';
export type { Clock, TimerHandle } from '../core/clock.ts';
export { NoWorkerIdError, SnowflakeExhaustedError, SnowflakeLeadError, WorkerLeaseLostError } from './errors.ts';
