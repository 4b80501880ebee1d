/** What the log says of one step. */
export interface PathLog {
  isCompleted: boolean;
  isUnknown: boolean;
  isCompensated: boolean;
  output: string | null;
  decided: string | undefined;
  /** When a wait began, by the store's clock, and how long it is. */
  waiting: { readonly atMs: number; readonly ms: number } | undefined;
  /** The last attempt in each direction, and the one before the first of the present budget. */
  attempts: number;
  base: number;
  undoAttempts: number;
  undoBase: number;
}

export function freshPath(): PathLog {
  return {
    isCompleted: false,
    isUnknown: false,
    isCompensated: false,
    output: null,
    decided: undefined,
    waiting: undefined,
    attempts: 0,
    base: 0,
    undoAttempts: 0,
    undoBase: 0,
  };
}
