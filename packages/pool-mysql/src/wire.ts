/**
 * What this package knows of mysql2 beyond its types, all in one place. mysql2 forgets the server's status, which each of
 * its answers carries, and that status alone tells whether a transaction is open: not the statements, for a procedure or
 * `autocommit = 0` opens one too. So every packet is looked at on its way to mysql2's own `handlePacket`.
 *
 * The last packet of an answer is an OK or an EOF, with the status, or an error, without. Nothing but the end of an answer
 * is looked at when the connection rests, so that a row which begins like an OK does no harm: an EOF follows it.
 *
 * [1] https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_response_packets.html
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Connection } from 'mysql2';

const RUNNING = '_command';

/** A connection of mysql2's own callback interface, as it is behind its types. */
export interface CoreConnection extends Omit<Connection, 'state'> {
  readonly stream: Socket;
  readonly state: string;
  readonly [RUNNING]: Command | null | undefined;
  handlePacket(packet?: Packet): void;
}

/** A statement on its way; `start` sends it, and returning null from it ends the statement unsent. */
export interface Command extends EventEmitter {
  start: () => unknown;
  readonly prepareHeader?: unknown;
  /** Its callback; a stream of rows has none. */
  readonly onResult?: unknown;
}

/** A packet at its first byte. */
interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
}

/** Bits of the server's status. */
export const IN_TRANSACTION = 1;
export const AUTOCOMMIT = 2;
/** The database, the character set or another thing that the server tells of has been changed. */
export const SESSION_CHANGED = 0x4000;

const OK = 0x00;
const EOF = 0xfe;
const ERROR = 0xff;
const LONGEST_EOF = 9;

/** What an answer said of the session: its status, or that it failed. */
export type Told = (status: number | 'failed') => void;

/**
 * Has `told` called with what each packet says about the session.
 *
 * @throws Error when this mysql2 has no packets to look at
 */
export function watchStatus(core: CoreConnection, told: Told): void {
  const handlePacket = Reflect.get(core, 'handlePacket') as unknown;
  if (typeof handlePacket !== 'function') throw new Error('Cannot use this version of mysql2: it has no handlePacket');
  core.handlePacket = (packet) => {
    const status = packet === undefined ? undefined : statusOf(packet, runningOn(core));
    if (status !== undefined) told(status);
    Reflect.apply(handlePacket, core, [packet]);
  };
}

/** The statement whose answer is under way. */
export function runningOn(core: CoreConnection): Command | undefined {
  return core[RUNNING] ?? undefined;
}

/** Ends the stream of rows that is under way: mysql2 tells the loss of a connection to callbacks only. */
export function failStream(core: CoreConnection, error: unknown): void {
  const command = runningOn(core);
  if (command === undefined || command.onResult !== undefined) return;
  if (command.listenerCount('error') > 0) command.emit('error', error);
}

function statusOf({ buffer, offset, end }: Packet, command: Command | undefined): number | 'failed' | undefined {
  const first = buffer[offset];
  if (first === ERROR) return 'failed';
  if (first === EOF && end - offset < LONGEST_EOF) return buffer.readUInt16LE(offset + 3);
  // The answer to a preparation begins like an OK and is none.
  if (first !== OK || command?.prepareHeader !== undefined) return undefined;
  const at = afterNumber(buffer, afterNumber(buffer, offset + 1));
  return at + 2 <= end ? buffer.readUInt16LE(at) : undefined;
}

/** Where a length-encoded integer ends. */
function afterNumber(buffer: Buffer, at: number): number {
  const first = buffer[at] ?? 0;
  if (first < 0xfb) return at + 1;
  return at + ({ 0xfc: 3, 0xfd: 4, 0xfe: 9 }[first] ?? 1);
}
