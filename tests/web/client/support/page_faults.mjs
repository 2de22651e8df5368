// What a page's own callback throws is reported as uncaught, and a test process would fail by it. What is thrown here on
// purpose is counted instead.
export class PageFault extends Error {}

export const pageFaults = { count: 0 };

const queue = globalThis.queueMicrotask;
globalThis.queueMicrotask = (call) =>
  queue(() => {
    try {
      call();
    } catch (error) {
      if (!(error instanceof PageFault)) throw error;
      ++pageFaults.count;
    }
  });
