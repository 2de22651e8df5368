// Server-sent events from text that arrives in pieces. Holds at most one unfinished frame.
export interface SseFrame {
  /** '' for an unnamed event. */
  event: string;
  data: string;
  id: string | undefined;
  retry: number | undefined;
}

export class SseParser {
  #rest = '';
  #maxLength: number;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The frames that this piece completes. Throws when one grows past the bound. */
  push(piece: string): SseFrame[] {
    this.#rest += piece;
    const frames: SseFrame[] = [];
    let begin = 0;
    for (;;) {
      const end = this.#rest.indexOf('\n\n', begin);
      if (end < 0) break;
      const frame = parseFrame(this.#rest.slice(begin, end));
      if (frame) frames.push(frame);
      begin = end + 2;
    }
    this.#rest = this.#rest.slice(begin);
    if (this.#rest.length > this.#maxLength) throw new Error('a frame of the stream is too long');
    return frames;
  }
}

function parseFrame(block: string): SseFrame | null {
  const frame: SseFrame = { event: '', data: '', id: undefined, retry: undefined };
  let lines = 0;
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon === 0 || line === '') continue; // a comment
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') frame.data += (lines++ > 0 ? '\n' : '') + value;
    else if (name === 'event') frame.event = value;
    else if (name === 'id') frame.id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) frame.retry = Number(value);
  }
  return lines > 0 || frame.retry !== undefined ? frame : null;
}
