// Waiting for a condition, never for a time. Every wait has a deadline and says what it waited for.

const lookAgainMs = 20;
export const lookAtPageMs = 100; // each look is a round trip to the browser
export const patienceMs = 60_000; // the machine may be busy compiling

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Resolves with the first truthy answer of `condition`, which may be asynchronous. `describe` adds to the message what
// was there instead.
export async function until(what, condition, options = {}) {
  const { timeoutMs = patienceMs, everyMs = lookAgainMs, describe = () => '' } = options;
  const end = Date.now() + timeoutMs;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for: ${what} ${describe()}`);
    await pause(everyMs);
  }
}

// The promise's answer, or a failure that names it.
export async function within(what, promise, timeoutMs = patienceMs) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for: ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
