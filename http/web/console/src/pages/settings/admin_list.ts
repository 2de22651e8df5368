// A list of the server's that an administrator sees, asked for anew after each change.
import { useEffect, useState } from 'preact/hooks';
import { api, sentenceOf } from '../../data/api.ts';

export interface AdminList<T> {
  items: readonly T[] | null;
  problem: string | null;
  reload: () => void;
}

export function useAdminList<T>(route: string): AdminList<T> {
  const [items, setItems] = useState<readonly T[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const given = new AbortController();
    api<T[]>(route, { signal: given.signal }).then(
      (answer) => {
        setItems(answer);
        setProblem(null);
      },
      (error: unknown) => !given.signal.aborted && setProblem(sentenceOf(error)),
    );
    return () => given.abort();
  }, [route, round]);
  return { items, problem, reload: () => setRound((last) => last + 1) };
}
