import { after } from '@forge/internal';
import type { Session } from './session.ts';

/** How long a server may take over the goodbye. */
const GRACE = 1_000;

/** Ends a session and resolves when its socket is closed; a server that does not answer is not waited for. */
export function end(session: Session): Promise<void> {
  return new Promise((resolve) => {
    const stop = after(
      GRACE,
      () => {
        session.cut();
        resolve();
      },
      { unref: true },
    );
    session.client.end(() => {
      stop();
      resolve();
    });
  });
}
