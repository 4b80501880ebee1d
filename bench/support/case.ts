/** One of the things a case compares: this library, a peer, or a limit that nothing can beat. */
export interface Subject<Work> {
  /** Ours is `holdfast`, or begins with it; limits begin with `limit`. */
  readonly name: string;
  /** True where it does less than the work, as a part of it alone: its result is then not checked. */
  readonly isPart?: boolean;
  /** How many operations its instructions are counted over, where the usual number would take minutes. */
  readonly counting?: 'fewer' | 'none';
  readonly prepare: () => Work | Promise<Work>;
}

/** A loop over one operation, ready to be timed. */
export interface Loop {
  /** The operation once, for the check of its result. */
  readonly once: () => unknown;
  readonly many: (n: number) => void | Promise<void>;
  /** `many` takes multiples of this only. */
  readonly batch?: number;
}

/** What a number must be. Exactly one of the three bounds is given. */
export interface Goal {
  /** @defaultValue `holdfast` */
  readonly subject?: string;
  /** Most that the subject may be of `against`: 0.5 is half of it. */
  readonly ratio?: number;
  /** Most that the subject may be above `against`. */
  readonly above?: number;
  /** Most that the subject may be, in the unit of the measure. */
  readonly atMost?: number;
  readonly against?: string;
}

/** One number per subject. Less is better. */
export interface Measure {
  /** `time` and `allocation` are taken of loops; others come out of `prepare` under this name. */
  readonly name: string;
  readonly unit: string;
  readonly goals: readonly Goal[];
}

/** Operations to be timed, all with the same result. */
export interface LoopCase {
  readonly kind: 'loop';
  readonly name: string;
  readonly about: string;
  readonly expected: unknown;
  readonly subjects: readonly Subject<Loop>[];
  readonly measures: readonly Measure[];
  /** Whether the case is also counted in instructions. */
  readonly isHot?: boolean;
}

/** Something looked at once per process: sizes, memory, behaviour. */
export interface ObservedCase {
  readonly kind: 'observed';
  readonly name: string;
  readonly about: string;
  readonly subjects: readonly Subject<Readonly<Record<string, number>>>[];
  readonly measures: readonly Measure[];
  /** Rounds that suffice, where the numbers hardly vary. */
  readonly rounds?: number;
}

export type Case = LoopCase | ObservedCase;

/** Nanoseconds per operation. */
export function time(...goals: readonly Goal[]): Measure {
  return { name: 'time', unit: 'ns', goals };
}

/** Bytes that an operation allocates. */
export function allocation(...goals: readonly Goal[]): Measure {
  return { name: 'allocation', unit: 'B', goals };
}

/** A loop that awaits one call after the other. */
export function awaited(call: () => unknown): Loop {
  return {
    once: call,
    many: async (n) => {
      for (let k = 0; k < n; k++) await call();
    },
  };
}

/** A loop over calls that all reject. */
export function rejected(call: () => Promise<unknown>): Loop {
  return {
    once: () =>
      call().then(
        () => 'resolved',
        () => 'rejected',
      ),
    many: async (n) => {
      for (let k = 0; k < n; k++) {
        try {
          await call();
        } catch {
          // What is measured.
        }
      }
    },
  };
}

/** A loop over a synchronous call. */
export function direct(call: () => unknown): Loop {
  return {
    once: call,
    many: (n) => {
      for (let k = 0; k < n; k++) sink = call();
    },
  };
}

/** A loop over `size` calls that are started together and all awaited. */
export function together(size: number, call: () => unknown): Loop {
  return {
    once: call,
    batch: size,
    many: async (n) => {
      for (let done = 0; done < n; done += size) {
        const calls: unknown[] = [];
        for (let k = 0; k < size; k++) calls.push(call());
        await Promise.all(calls);
      }
    },
  };
}

/** Keeps results alive, so that the compiler cannot drop the work. */
export let sink: unknown;
