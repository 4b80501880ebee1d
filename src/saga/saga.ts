import { amount, integer, oneOf, optionalFunction, refuse } from '../core/check.ts';
import { runInMemory } from './run.ts';
import { checkText } from './text.ts';
import type {
  AnySaga,
  AnyStepDef,
  RetryPolicy,
  Saga,
  SagaNode,
  SagaOptions,
  SagaRunOptions,
  StepKind,
} from './definition.ts';

/**
 * Begins the definition of a saga: steps, each with what undoes it.
 *
 * Definitions are checked as they are built: names are unique, at most one pivot, and nothing after it that would
 * have to be undone. Adding a step costs O(steps), as the one before stays as it is.
 *
 * @example
 * ```ts
 * import { saga } from 'holdfast/saga';
 *
 * const stock = new Map([['tea', 3]]);
 * const order = saga<{ item: string }>('order')
 *   .step('reserve', {
 *     run: ({ input }) => stock.set(input.item, stock.get(input.item)! - 1).get(input.item)!,
 *     compensate: ({ input }) => void stock.set(input.item, stock.get(input.item)! + 1),
 *   })
 *   .step('confirm', { run: ({ results }) => `${results.reserve} left` });
 * console.log((await order.run({ item: 'tea' })).confirm); // 2 left
 * ```
 *
 * @throws RangeError or TypeError for a bad name or option.
 */
export function saga<I = void>(name: string, options: SagaOptions = {}): Saga<I, {}> {
  const { version = 1, isAmbiguous } = options;
  checkName('name', name);
  integer('version', version, 0, 2 ** 31 - 1);
  optionalFunction('isAmbiguous', isAmbiguous);
  return new Definition(name, version, isAmbiguous, [], 'compensatable', false) as unknown as Saga<I, {}>;
}

type Def = Record<keyof AnyStepDef | 'items' | 'key' | 'concurrency' | 'compensation', never>;

/** Names are parts of paths, which are joined by `/`, and of keys; they are properties of results. */
function checkName(what: string, name: string): string {
  checkText(what, name, 1, 200);
  return name.includes('/') || name === '__proto__' ? refuse(what, 'no __proto__ and without /', name) : name;
}

function checkRetry(what: string, retry: RetryPolicy | undefined): void {
  if (retry === undefined) return;
  const { maxAttempts = 1, baseDelayMs = 0, factor = 1, maxDelayMs = 0, jitter = 'full', retryIf } = retry;
  integer(`${what}.maxAttempts`, maxAttempts, 1, Infinity);
  amount(`${what}.baseDelayMs`, baseDelayMs, 0);
  amount(`${what}.factor`, factor, 1);
  amount(`${what}.maxDelayMs`, maxDelayMs, 0);
  oneOf(`${what}.jitter`, jitter, ['full', 'none']);
  optionalFunction(`${what}.retryIf`, retryIf);
}

function checkFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') refuse(what, 'a function', value);
}

/**
 * Tells the kind of a step after one of kind `before`, and checks that it may stand there. What comes after a pivot or
 * a retriable step cannot be undone, so it has to be retriable.
 */
function kindOf(
  name: string,
  { kind, compensate }: Pick<AnyStepDef, 'kind' | 'compensate'>,
  before: StepKind,
): StepKind {
  const isCommitted = before !== 'compensatable';
  const own = kind ?? (isCommitted ? 'retriable' : 'compensatable');
  oneOf(`${name}.kind`, own, isCommitted ? ['retriable'] : ['compensatable', 'pivot', 'retriable']);
  if (own === 'retriable' && compensate) refuse(`${name}.compensate`, 'absent where there is no way back', compensate);
  return own;
}

/** The definition of a step with its fields in one order: what reads many of them is faster for it. */
function checkStep(name: string, def: Def, before: StepKind): { readonly kind: StepKind; readonly def: AnyStepDef } {
  const { run, compensate, atomic, retry, timeoutMs, compensationRetry, compensationTimeoutMs } = def ?? {};
  const { onExhausted, isAmbiguous } = def ?? {};
  checkFunction(`${name}.run`, run);
  optionalFunction(`${name}.compensate`, compensate);
  optionalFunction(`${name}.isAmbiguous`, isAmbiguous);
  checkRetry(`${name}.retry`, retry);
  checkRetry(`${name}.compensationRetry`, compensationRetry);
  amount(`${name}.timeoutMs`, timeoutMs ?? Infinity, 1);
  amount(`${name}.compensationTimeoutMs`, compensationTimeoutMs ?? Infinity, 1);
  oneOf(`${name}.onExhausted`, onExhausted ?? 'park', ['park', 'continue']);
  const kind = kindOf(name, def, before);
  const isPlain = kind === 'compensatable' && !atomic && !retry && timeoutMs === undefined;
  return {
    kind,
    def: {
      run,
      compensate,
      kind: def.kind,
      atomic,
      retry,
      timeoutMs,
      compensationRetry,
      compensationTimeoutMs,
      onExhausted,
      isAmbiguous,
      isPlain,
    },
  };
}

/** Of branches, which run at the same time, none is a pivot: the others could no longer be undone. */
function checkBranch(name: string, def: Def, before: StepKind): ReturnType<typeof checkStep> {
  const checked = checkStep(name, def, before);
  if (checked.kind === 'pivot') refuse(`${name}.kind`, 'no pivot inside a group', 'pivot');
  if (def.atomic) refuse(`${name}.atomic`, 'false inside a group', true);
  return checked;
}

/** The kind of what stands last in `node`; refuses a node that may not stand after `before`. */
function checkPlace(node: SagaNode, before: StepKind): StepKind {
  if (node.type === 'child') return node.saga.nodes.reduce((kind, inner) => checkPlace(inner, kind), before);
  if (node.type === 'parallel')
    return node.branches.map((branch) => kindOf(branch.name, branch.def, before))[0] ?? before;
  return 'def' in node ? kindOf(node.name, node.def, before) : before;
}

function checkCompensation(name: string, order: 'reverse' | 'parallel' = 'reverse'): 'reverse' | 'parallel' {
  return oneOf(`${name}.compensation`, order, ['reverse', 'parallel']);
}

class Definition {
  readonly name: string;
  readonly version: number;
  readonly isAmbiguous: ((error: unknown) => boolean) | undefined;
  readonly nodes: readonly SagaNode[];
  readonly needsStore: boolean;
  readonly #last: StepKind;

  constructor(
    name: string,
    version: number,
    isAmbiguous: ((error: unknown) => boolean) | undefined,
    nodes: readonly SagaNode[],
    last: StepKind,
    needsStore: boolean,
  ) {
    this.name = name;
    this.version = version;
    this.isAmbiguous = isAmbiguous;
    this.nodes = nodes;
    this.#last = last;
    this.needsStore = needsStore;
  }

  step(name: string, def: Def): Definition {
    const checked = checkStep(name, def, this.#last);
    return this.#with({ type: 'step', name, ...checked }, checked.kind, def.atomic);
  }

  when(name: string, test: () => boolean, def: Def): Definition {
    checkFunction(`${name}.test`, test);
    const checked = checkStep(name, def, this.#last);
    return this.#with({ type: 'when', name, ...checked, test }, checked.kind, def.atomic);
  }

  parallel(name: string, branches: Record<string, Def>, options?: { readonly compensation?: never }): Definition {
    const nodes = Object.entries(branches).map(([branch, def]) => {
      checkName(`a branch of ${name}`, branch);
      return { type: 'step', name: branch, ...checkBranch(`${name}/${branch}`, def, this.#last) } as const;
    });
    const kind = nodes[0]?.kind ?? this.#last;
    for (const branch of nodes) oneOf(`${name}/${branch.name}.kind`, branch.kind, [kind]);
    const compensation = checkCompensation(name, options?.compensation);
    return this.#with({ type: 'parallel', name, branches: nodes, compensation }, kind);
  }

  each(name: string, def: Def): Definition {
    const checked = checkBranch(name, def, this.#last);
    const { items, key } = def;
    const concurrency: number = def.concurrency ?? Infinity;
    checkFunction(`${name}.items`, items);
    checkFunction(`${name}.key`, key);
    integer(`${name}.concurrency`, concurrency, 1, Infinity);
    const compensation = checkCompensation(name, def.compensation);
    return this.#with({ type: 'each', name, ...checked, items, key, concurrency, compensation }, checked.kind);
  }

  child(name: string, child: AnySaga, input: () => unknown): Definition {
    if (!(child instanceof Definition)) refuse(name, 'a saga', child);
    checkFunction(`${name}.input`, input);
    const node = { type: 'child', name, saga: child, input } as const;
    return this.#with(node, checkPlace(node, this.#last), child.needsStore);
  }

  sleep(name: string, ms: number | (() => number)): Definition {
    if (typeof ms !== 'function') amount(`${name}.ms`, ms, 0, Number.MAX_SAFE_INTEGER);
    return this.#with({ type: 'sleep', name, ms }, this.#last);
  }

  event(name: string, options: { readonly timeoutMs?: number; readonly parse?: () => unknown } = {}): Definition {
    const { timeoutMs = Infinity, parse } = options;
    amount(`${name}.timeoutMs`, timeoutMs, 0);
    optionalFunction(`${name}.parse`, parse);
    return this.#with({ type: 'event', name, timeoutMs, parse }, this.#last, true);
  }

  run(input: unknown, options?: SagaRunOptions): Promise<unknown> {
    return runInMemory(this as unknown as AnySaga, input, options);
  }

  #with(node: SagaNode, last: StepKind, needsStore: boolean = false): Definition {
    const { name, version, isAmbiguous, nodes } = this;
    checkName('step', node.name);
    if (nodes.some((other) => other.name === node.name)) refuse('step', 'a name that no other step has', node.name);
    return new Definition(name, version, isAmbiguous, [...nodes, node], last, this.needsStore || needsStore);
  }
}
