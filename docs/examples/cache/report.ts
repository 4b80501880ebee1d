/** Prints what the demo does, and keeps count of the promises. */
export interface Report {
  /** The start of a chapter. */
  chapter(title: string): void;
  line(text: string): void;
  /** A promise, whether it was kept, and what shows it. */
  promise(text: string, isKept: boolean, evidence: string): void;
  readonly broken: number;
}

export function createReport(): Report {
  let broken = 0;
  return {
    chapter: (title) => console.log(`\n${title}`),
    line: (text) => console.log(`  ${text}`),
    promise(text, isKept, evidence) {
      if (!isKept) broken++;
      console.log(`  ${isKept ? 'kept  ' : 'BROKEN'} ${text}: ${evidence}`);
    },
    get broken() {
      return broken;
    },
  };
}

/** What the caller of the demo chose. */
export interface DemoOptions {
  readonly entries: number;
  readonly accesses: number;
  readonly seed: number;
  /** A file with a trace to be replayed instead of the Zipf stream. */
  readonly trace: string | undefined;
  /** What is switched off, to see what it was for. */
  readonly leaveOut: readonly string[];
}

/** One part of the demo. */
export type Chapter = (report: Report, options: DemoOptions) => Promise<void>;
