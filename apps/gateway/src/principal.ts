/**
 * On whose behalf a call is made; every cache key carries it. The gateway does not authenticate its clients yet, so they
 * are all one: whoever reaches the port.
 */
export const ANYBODY = 'anybody';
