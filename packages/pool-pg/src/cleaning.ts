import type { Session } from './session.ts';

/**
 * Makes a released session as good as new: what its user left open is rolled back, and with `discard` all else that a
 * session remembers goes. Undefined where there is nothing to do.
 */
export function clean(session: Session, discard: boolean, abandoned: () => void): Promise<void> | undefined {
  if (!session.isInTransaction && !discard) return undefined;
  if (session.isInTransaction) abandoned();
  return sweep(session, discard);
}

async function sweep(session: Session, discard: boolean): Promise<void> {
  if (session.isInTransaction) await session.run('ROLLBACK');
  if (!discard) return;
  await session.run('DISCARD ALL');
  // It discards what the server has prepared, and the client must not believe that it is still there.
  if (session.client.connection !== undefined) session.client.connection.parsedStatements = {};
}
