/** Stands in for node:diagnostics_channel, and counts what is asked of it. */
export interface FakeModule extends Disposable {
  /** `name of the channel`, then the message, of each publish. */
  readonly published: (readonly [channel: string, message: unknown])[];
  /** How often the runtime was asked for the module. */
  readonly lookups: () => number;
}

type Listener = (message: unknown) => void;

interface Runtime {
  process?: { getBuiltinModule?: unknown };
}

/** Puts `getBuiltinModule` in the place of the runtime's, until it is disposed. */
export function replaceModules(getBuiltinModule: unknown): Disposable {
  const runtime = globalThis as unknown as Runtime;
  const hadProcess = runtime.process !== undefined;
  const home: object = (runtime.process ??= {});
  const before = Object.getOwnPropertyDescriptor(home, 'getBuiltinModule');
  Object.defineProperty(home, 'getBuiltinModule', { value: getBuiltinModule, configurable: true, writable: true });
  return {
    [Symbol.dispose]() {
      if (before) Object.defineProperty(home, 'getBuiltinModule', before);
      else Reflect.deleteProperty(home, 'getBuiltinModule');
      if (!hadProcess) delete runtime.process;
    },
  };
}

/** Installs the fake. Channels publish only while they have subscribers, as the runtime's do. */
export function fakeModule(): FakeModule {
  const published: (readonly [string, unknown])[] = [];
  const listeners = new Map<string, Set<Listener>>();
  const of = (name: string): Set<Listener> => {
    const all = listeners.get(name) ?? new Set<Listener>();
    listeners.set(name, all);
    return all;
  };
  let lookups = 0;
  const module = {
    channel: (name: string) => ({
      get hasSubscribers() {
        return of(name).size > 0;
      },
      publish(message: unknown) {
        published.push([name, message]);
        for (const listener of of(name)) listener(message);
      },
    }),
    subscribe: (name: string, listener: Listener) => void of(name).add(listener),
    unsubscribe: (name: string, listener: Listener) => of(name).delete(listener),
  };
  const installed = replaceModules((id: string) => {
    lookups++;
    return id === 'node:diagnostics_channel' ? module : undefined;
  });
  return { published, lookups: () => lookups, [Symbol.dispose]: () => installed[Symbol.dispose]() };
}
