/**
 * Calls `task` when the promise jobs that are queued now, and those that they queue in turn, have run: so that a
 * request added after an `await` of something already settled still makes the batch. A plain queueMicrotask would come
 * before it, a timer or setImmediate would let other work go first.
 */
export function afterPromiseJobs(task: () => void): void {
  void Promise.resolve().then(() => {
    process.nextTick(task);
  });
}

/** Calls `task` as a promise job, when the code that runs now is done. */
export function asPromiseJob(task: () => void): void {
  void Promise.resolve().then(task);
}
