// The client library's list of what waits, as the page follows it.
import { useEffect, useState } from 'preact/hooks';
import type { UnsentItem } from '../../../../client/src/unsent.ts';
import { sync } from '../../app/sync.ts';

export function useUnsent(): readonly UnsentItem[] {
  const [items, setItems] = useState(sync.unsent.value);
  useEffect(() => sync.unsent.subscribe(setItems), [sync]); // another one when somebody else signs in
  return items;
}
