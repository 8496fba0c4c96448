import { ResponseCache } from '../../src/index.ts';
import {
  HttpCache,
  type HttpCacheOptions,
  type HttpField,
  type HttpRecord,
  type HttpRequest,
  type HttpResponse,
} from '../../src/http/index.ts';

export type Fields = Readonly<Record<string, string | readonly string[]>>;

/** An answer of the origin; its body as text. */
export interface Script {
  readonly status?: number;
  readonly headers?: Fields;
  readonly body?: string;
}

export type Answering = (request: HttpRequest) => Script | HttpResponse | Promise<Script | HttpResponse>;

/** An `HttpCache` before an origin that answers as told, and what came of it. */
export class Origin {
  readonly requests: HttpRequest[] = [];
  readonly records: ResponseCache<HttpRecord>;
  readonly cache: HttpCache;
  answers: Answering;

  constructor(answers: Script | Answering, options: Partial<HttpCacheOptions> = {}) {
    this.answers = typeof answers === 'function' ? answers : () => answers;
    this.records = new ResponseCache<HttpRecord>({ maxBytes: 2 ** 24 });
    this.cache = new HttpCache({ cache: this.records, ...options });
  }

  readonly forward = async (request: HttpRequest): Promise<HttpResponse> => {
    this.requests.push(request);
    const answer = await this.answers(request);
    if (Array.isArray(answer.headers)) return answer as HttpResponse;
    const { status = 200, headers = {}, body = `answer ${this.requests.length}` } = answer as Script;
    return { status, headers: fields(headers), body: bytes(body) };
  };

  async send(method: string, path: string, headers: Fields = {}, more: Partial<HttpRequest> = {}): Promise<Answer> {
    const request = { method, url: `https://example.com${path}`, headers: fields(headers), ...more };
    return read(await this.cache.handle(request, this.forward));
  }

  get(path = '/', headers: Fields = {}): Promise<Answer> {
    return this.send('GET', path, headers);
  }
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** This cache's member of `Cache-Status`. */
  readonly how: string;
}

export async function read({ status, headers, body }: HttpResponse): Promise<Answer> {
  const joined = Object.create(null) as Record<string, string>;
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    joined[key] = joined[key] === undefined ? value : `${joined[key]}, ${value}`;
  }
  const chunks: Uint8Array[] = [];
  if (body instanceof Uint8Array) chunks.push(body);
  else if (body !== undefined) for await (const chunk of body) chunks.push(chunk);
  return { status, body: Buffer.concat(chunks).toString(), headers: joined, how: joined['cache-status'] ?? '' };
}

export function fields(headers: Fields): HttpField[] {
  return Object.entries(headers).flatMap(([name, value]) => [value].flat().map((each): HttpField => [name, each]));
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A body that comes when the test says so. */
export class ManualBody implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  #wake: () => void = () => {};
  pulled = 0;
  closed = false;

  push(text: string): void {
    this.#chunks.push(bytes(text));
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        this.pulled += 1;
        for (;;) {
          const chunk = this.#chunks.shift();
          if (chunk !== undefined) return { done: false, value: chunk };
          if (this.#error !== undefined) throw this.#error;
          if (this.#ended) return { done: true, value: undefined };
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      },
      return: () => {
        this.closed = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

/** Lets everything run that waits for nothing but promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
