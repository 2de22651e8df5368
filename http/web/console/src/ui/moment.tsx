// A moment as the reader's language writes it, for machines too.
import { momentText, shortMomentText } from './text.ts';

export function Moment({ value, isShort = false }: { value: string; isShort?: boolean }) {
  return <time dateTime={value} title={isShort ? momentText(value) : undefined}>{isShort ? shortMomentText(value) : momentText(value)}</time>;
}
