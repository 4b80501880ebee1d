/** What an example promises, and whether it was kept: printed as they come. */
export class Promises {
  #kept = 0;
  #all = 0;

  promise(what: string, isKept: boolean, detail: string = ''): void {
    this.#all++;
    if (isKept) this.#kept++;
    console.log(`  ${isKept ? 'kept  ' : 'BROKEN'} ${what}${detail === '' ? '' : ` (${detail})`}`);
  }

  /** The exit code: 1 when one was broken. */
  close(): number {
    console.log(`\n${this.#kept} of ${this.#all} promises kept`);
    return this.#kept === this.#all ? 0 : 1;
  }
}
