const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into lines, each of at most `maxLength` bytes.
 *
 * Each line is decoded by itself: a line that was sliced from the text of a whole chunk would keep that chunk alive for as
 * long as anything of the line is kept.
 */
export class LineReader {
  readonly #maxLength: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The lines that `chunk` completes, without empty ones; undefined when one is too long. */
  push(chunk: Buffer): readonly string[] | undefined {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      if (this.#length > this.#maxLength) return undefined;
      const line = this.#take().trim();
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return this.#length > this.#maxLength ? undefined : lines;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#length += part.length;
  }

  #take(): string {
    const [first] = this.#parts;
    const bytes = first !== undefined && this.#parts.length === 1 ? first : Buffer.concat(this.#parts, this.#length);
    this.#parts = [];
    this.#length = 0;
    return bytes.toString('utf8');
  }
}
