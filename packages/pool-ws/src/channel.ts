import { callQuietly, objectOption, type Deadlines } from '@forge/internal';
import type { Milliseconds } from '@forge/pool';
import type { RawData, WebSocket } from 'ws';
import { closeKind, handshakeKind, statusKind, type CloseKind } from './close-kinds.ts';
import type { Decoded, Frame } from './codec.ts';
import type { ConnectionRequestOptions, WebSocketConnection } from './connection.ts';
import { WebSocketError } from './errors.ts';
import { Heartbeat } from './heartbeat.ts';
import { InFlight, type Call } from './in-flight.ts';
import type { Counts } from './metrics.ts';
import type { ResolvedOptions } from './options.ts';
import { Outbox, type Permit } from './outbox.ts';
import type { Writer } from './writer.ts';

/** Messages in a row that nobody could read: a server that has nothing else to say speaks another language. */
const MOST_INVALID = 100;

/** What the channels of a pool share, and whom they tell. */
export interface ChannelParts<Request, Result> {
  readonly options: ResolvedOptions<Request, Result>;
  readonly writer: Writer<Request>;
  readonly counts: Counts;
  readonly heartbeats: Deadlines<Heartbeat>;
  /** A message of a subscription; false where there is none of that name. */
  readonly onPublished: (channel: Channel<Request, Result>, message: Decoded) => boolean;
  /** Once, after which nothing works on it; before the requests on it are rejected. */
  readonly onEnded: (channel: Channel<Request, Result>, error: WebSocketError) => void;
}

/** One socket with all that goes over it. */
export class Channel<Request, Result> implements WebSocketConnection<Request, Result> {
  readonly socket: WebSocket;
  readonly outbox: Outbox;
  /** Resolves when it has ended, with the reason. */
  readonly ended: Promise<WebSocketError>;
  /** When the handshake was done, on the pool's clock; undefined before. */
  opened: Milliseconds | undefined;
  /** Tells the pool that it has closed by itself; undefined as long as, or since when, it is not in the pool. */
  evict: ((error?: unknown) => void) | undefined;
  readonly #parts: ChannelParts<Request, Result>;
  readonly #inFlight: InFlight;
  readonly #heartbeat: Heartbeat;
  #invalid = 0;
  #fault: Error | undefined;
  #end: WebSocketError | undefined;
  #isOurs = false;
  #strays = 0;
  #onQuiet: () => void = () => {};
  #resolveEnded!: (error: WebSocketError) => void;

  /** @param socket one that is connecting, so that not even its first message is lost */
  constructor(socket: WebSocket, parts: ChannelParts<Request, Result>) {
    const { options, heartbeats } = parts;
    this.socket = socket;
    this.#parts = parts;
    this.#inFlight = new InFlight(options.clock);
    this.outbox = new Outbox(socket, options.maxBufferedAmount);
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.#heartbeat = new Heartbeat({
      socket,
      interval: options.heartbeatInterval,
      clock: options.clock,
      timer: heartbeats,
      onLost: () => this.#lose(),
    });
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', (error) => (this.#fault ??= error));
    socket.once('close', (code, reason) => this.#finish(this.#closed(code, reason.toString())));
  }

  get isOpen(): boolean {
    return this.#end === undefined && this.socket.readyState === this.socket.OPEN;
  }

  /** Whether the pool has ended it, and not the server. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** Requests in flight whose lease has ended before them. */
  get strays(): number {
    return this.#strays;
  }

  /** A request goes on without its lease; returns the function that tells of its end. */
  stray(): () => void {
    this.#strays += 1;
    return () => {
      this.#strays -= 1;
      if (this.#strays === 0) this.#onQuiet();
    };
  }

  /** Requests that wait for their answer. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Resolves when the handshake is done. @throws WebSocketError WS_HANDSHAKE_FAILED */
  open(): Promise<void> {
    const { socket } = this;
    return new Promise((resolve, reject) => {
      const fail = (why: string, kind: CloseKind, details: { cause?: unknown; status?: number }): void => {
        reject(new WebSocketError('WS_HANDSHAKE_FAILED', `Cannot open a WebSocket: ${why}`, { kind, ...details }));
      };
      socket.once('open', () => {
        this.opened = this.#parts.options.clock.now();
        resolve();
      });
      socket.once('error', (cause) => fail(cause.message, handshakeKind(cause), { cause }));
      socket.once('unexpected-response', (request, { statusCode: status = 0 }) => {
        fail(`the server answered with status ${status}`, statusKind(status), { status });
        request.destroy();
        this.terminate();
      });
      socket.once('close', () => fail('it was closed', 'retry', {}));
    });
  }

  request(payload: Request, options: ConnectionRequestOptions = {}): Promise<Result> {
    const call = this.#parts.writer.call(payload, options);
    return this.ask(call).then(({ result }) => result as Result);
  }

  notify(payload: Request): void {
    this.write(this.#parts.writer.frame(payload));
  }

  /** Resolves with an answer that is no error. Without a permit it is written at once, however much is unsent. */
  async ask(call: Call, permit?: Permit): Promise<Decoded> {
    const answer = await this.#send(call, permit, () => (this.#parts.counts.requests += 1));
    if (answer.error !== undefined) throw remote(answer.error);
    return answer;
  }

  /** Resolves when it is written. */
  async post(call: Call, permit: Permit): Promise<void> {
    await this.#send(call, permit, () => queueMicrotask(() => this.#inFlight.answer(call.id, {})));
  }

  /** @throws WebSocketError WS_CLOSED when it is not open */
  write(frame: Frame): void {
    if (!this.isOpen) throw this.#gone();
    this.socket.send(frame);
  }

  /** Closes it in good order, after what is in flight without a lease; resolves when it has ended. */
  async close(): Promise<void> {
    this.#isOurs = true;
    const quiet = new Promise<void>((resolve) => (this.#onQuiet = resolve));
    if (this.#strays > 0) await Promise.race([quiet, this.ended]);
    this.socket.close(1000);
    await this.ended;
  }

  /** Cuts it: for one that would not answer a close, or that is in a state that nobody knows. */
  terminate(error: WebSocketError = this.#closed(1006, 'terminated')): void {
    this.#isOurs = true;
    this.#abort(error);
  }

  async #send(call: Call, permit: Permit | undefined, onWrite: () => void): Promise<Decoded> {
    if (!this.isOpen) throw this.#gone();
    return this.#inFlight.add(call, (frame, isWanted) => {
      const onTurn = (): boolean => {
        const goes = isWanted();
        if (goes) onWrite();
        return goes;
      };
      if (permit !== undefined) this.outbox.put({ frame, permit, onTurn });
      else if (onTurn()) this.socket.send(frame);
    });
  }

  #lose(): void {
    this.#parts.counts.heartbeatsLost += 1;
    const silence = 2 * this.#parts.options.heartbeatInterval;
    const why = `The server was silent for ${silence} ms and more: the connection is lost`;
    this.#abort(new WebSocketError('WS_HEARTBEAT_LOST', why, { kind: 'retry' }));
  }

  #abort(error: WebSocketError): void {
    this.#finish(error);
    this.socket.terminate();
  }

  /** Why a socket that is not open cannot be used. */
  #gone(): WebSocketError {
    return this.#end ?? this.#closed(1006, 'closing');
  }

  #closed(closeCode: number, closeReason: string): WebSocketError {
    // The next answer to the same request would be as wrong, or as large.
    const kind = isViolation(this.#fault) ? 'refused' : this.#kindOf(closeCode, closeReason);
    const why = [closeCode, closeReason || this.#fault?.message].filter(Boolean).join(', ');
    return new WebSocketError('WS_CLOSED', `The WebSocket was closed (${why})`, {
      kind,
      closeCode,
      closeReason,
      cause: this.#fault,
    });
  }

  #kindOf(code: number, reason: string): CloseKind {
    let kind: CloseKind | undefined;
    callQuietly(() => (kind = this.#parts.options.classifyClose(code, reason)));
    return kind ?? closeKind(code);
  }

  /** One error for all that is in flight; the pool hears first, so that nobody who tries again finds this one. */
  #finish(error: WebSocketError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#heartbeat.stop();
    this.#parts.onEnded(this, error);
    this.#inFlight.fail(error);
    this.outbox.end();
    this.#resolveEnded(error);
  }

  #receive(data: RawData, isBinary: boolean): void {
    const { codec } = this.#parts.options;
    let message: Decoded;
    try {
      const bytes = data as Buffer;
      message = codec.decode(isBinary ? bytes : bytes.toString());
      objectOption('read a message', 'what codec.decode returns', message);
    } catch (cause) {
      this.#misunderstand(cause);
      return;
    }
    this.#invalid = 0;
    if (!this.#take(message)) this.#parts.counts.unexpectedFrames += 1;
  }

  #take(message: Decoded): boolean {
    const { id, subscription, result } = message;
    if (id !== undefined && id !== null) {
      const isAwaited = this.#inFlight.answer(id, message);
      if (isAwaited) this.#parts.counts.answers += 1;
      return isAwaited;
    }
    if (subscription !== undefined) return this.#parts.onPublished(this, message);
    const { onMessage } = this.#parts.options;
    if (result === undefined || onMessage === undefined) return false;
    callQuietly(() => onMessage(result as Result, this));
    return true;
  }

  #misunderstand(cause: unknown): void {
    this.#parts.counts.invalidFrames += 1;
    this.#invalid += 1;
    if (this.#invalid < MOST_INVALID) return;
    const why = `The server sent ${MOST_INVALID} messages in a row that the codec cannot read`;
    this.#abort(new WebSocketError('WS_BAD_FRAMES', why, { cause, kind: 'retry' }));
  }
}

/** Whether ws has ended the connection because of what the server sent. */
function isViolation(fault: Error | undefined): boolean {
  return fault !== undefined && 'code' in fault && String(fault.code).startsWith('WS_ERR_');
}

function remote(answer: unknown): WebSocketError {
  const said: unknown = Reflect.get(Object(answer) as object, 'message');
  const why = typeof said === 'string' ? `: ${said.slice(0, 500)}` : '';
  return new WebSocketError('WS_REMOTE_ERROR', `The server answered with an error${why}`, { answer });
}
