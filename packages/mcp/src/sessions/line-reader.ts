/** Cuts a stream of text into lines, each of at most `maxLength` characters. */
export class LineReader {
  readonly #maxLength: number;
  #parts: string[] = [];
  #length = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The lines that `text` completes, without empty ones; undefined when one is too long. */
  push(text: string): readonly string[] | undefined {
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      this.#parts.push(text.slice(start, end));
      const line = this.#parts.join('').trim();
      if (line.length > this.#maxLength) return undefined;
      if (line !== '') lines.push(line);
      this.#parts = [];
      this.#length = 0;
      start = end + 1;
    }
    if (start < text.length) {
      this.#parts.push(text.slice(start));
      this.#length += text.length - start;
    }
    return this.#length > this.#maxLength ? undefined : lines;
  }
}
