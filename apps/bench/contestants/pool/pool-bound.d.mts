export class LB2<T extends object> {
  /** @param timeout in ms; 0 is none */
  constructor(create: () => Promise<T>, max: number, timeout?: number);
  acquire(): Promise<T>;
  release(connection: T): void;
}
