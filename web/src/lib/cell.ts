import { useSyncExternalStore } from "react";

/** A value that components can watch, for state that outlives them. */
export class Cell<T> {
  private current: T;
  private readonly listeners = new Set<() => void>();

  constructor(initial: T) {
    this.current = initial;
  }

  get(): T {
    return this.current;
  }

  set(next: T): void {
    if (Object.is(next, this.current)) {
      return;
    }
    this.current = next;
    for (const listener of this.listeners) {
      listener();
    }
  }

  update(change: (old: T) => T): void {
    this.set(change(this.current));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

/** The cell's value, and again whenever it changes. */
export function useCell<T>(cell: Cell<T>): T {
  return useSyncExternalStore(cell.subscribe, () => cell.get());
}
