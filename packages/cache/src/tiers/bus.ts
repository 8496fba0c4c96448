/**
 * Carries short texts between the caches of several processes, such as `redisBus(client)`. It may lose, repeat and
 * reorder them: the cache numbers its frames and finds out.
 */
export interface InvalidationBus {
  /** Rejects when the frame surely was not sent. */
  publish(frame: string): Promise<void>;
  /**
   * Delivers every frame, one's own included, until the returned function is called.
   *
   * @param onInterrupted called when frames may have been missed: the connection was lost, or is back
   */
  subscribe(onFrame: (frame: string) => void, onInterrupted: () => void): Promise<() => Promise<void>>;
}
