/*
 * The channels of node:diagnostics_channel, without importing it: a bundle for browsers has nothing to resolve, and
 * runtimes that have it (Node 20.16 and later, Bun, Deno, workerd) hand it out at run time.
 */

/** A channel of the runtime. */
export interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

/** What is used of the runtime's module. */
export interface ChannelModule {
  channel(name: string): Channel;
  subscribe(name: string, listener: (message: unknown) => void): void;
  unsubscribe(name: string, listener: (message: unknown) => void): boolean;
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (id: string) => ChannelModule | undefined };
}

/** The runtime's module, if it has one. Asked for at each use, so that module scope asks for nothing. */
export function channelModule(): ChannelModule | undefined {
  return (globalThis as Runtime).process?.getBuiltinModule?.('node:diagnostics_channel');
}
