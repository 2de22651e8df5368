// A value that tells when it changes. Subscribers are called at once with what it is now.
export type Unsubscribe = () => void;

export class Signal<T> {
  #value: T;
  #subscribers = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const subscriber of [...this.#subscribers]) callSafely(() => subscriber(value));
  }

  subscribe(subscriber: (value: T) => void): Unsubscribe {
    const own = (value: T) => subscriber(value); // the same function may subscribe twice
    this.#subscribers.add(own);
    callSafely(() => own(this.#value));
    return () => void this.#subscribers.delete(own);
  }
}

/** What a page's callback throws is the page's: it is reported as uncaught and stops nobody else. */
export function callSafely(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
