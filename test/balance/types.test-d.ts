/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { Host, HostLease, Picker } from '../../src/balance/index.ts';
import { createOutlierDetector, createP2cEwma, createRoundRobin } from '../../src/balance/index.ts';

interface Server extends Host {
  readonly url: URL;
}

const server: Server = { id: 'a', url: new URL('http://localhost') };
const picker: Picker<Server> = createP2cEwma([server], { outliers: createOutlierDetector(), decayMs: undefined });

export const lease: HostLease<Server> | undefined = picker.pick({ exclude: new Set(['b']) });
export const url: URL | undefined = lease?.host.url;

export function misuse(): void {
  // @ts-expect-error -- a host has an id
  createRoundRobin([{ url: 'x' }]);
  // @ts-expect-error -- hosts, not their ids
  createRoundRobin(['a', 'b']);
  // @ts-expect-error -- round robin has no response times
  createRoundRobin([server], { decayMs: 5 });
  // @ts-expect-error -- ids to exclude are a set
  picker.pick({ exclude: ['a'] });
  // @ts-expect-error -- there may be no host
  console.log(picker.pick().id);
  // @ts-expect-error -- counts are read-only
  picker.size = 1;
}
