// Requests that tell how far they are: `progress` events, then `result` or `failed`.
import { SseParser } from '../../../client/src/sse.ts';
import { RefusedError, request, UnreachableError, type ApiOptions, type Problem } from './api.ts';

const maxFrameLength = 8 << 20;

/** What came of it. Throws RefusedError, UnreachableError when the answer ends before the result, AbortError. */
export async function requestWithProgress<Result, Progress>(
  path: string,
  options: ApiOptions,
  onProgress: (progress: Progress) => void,
): Promise<Result> {
  const answer = await request(path, { ...options, accept: 'text/event-stream' });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new SseParser(maxFrameLength);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const { event, data } of parser.push(value)) {
        if (event === 'progress') onProgress(JSON.parse(data) as Progress);
        if (event === 'result') return JSON.parse(data) as Result;
        if (event === 'failed') throw new RefusedError(JSON.parse(data) as Problem);
      }
    }
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    if (options.signal?.aborted) throw new DOMException('given up', 'AbortError');
    throw new UnreachableError(error instanceof Error ? error.message : 'network');
  } finally {
    void reader.cancel().catch(() => {});
  }
  throw new UnreachableError('the answer ended early');
}
