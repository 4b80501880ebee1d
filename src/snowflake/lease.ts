/** placeholder */
export interface WorkerLease { readonly workerId: number; readonly fromMs: number; bind(a: () => number, b: () => void): void; require(endMs: number): void }
