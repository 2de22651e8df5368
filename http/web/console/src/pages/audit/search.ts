// Who did what: what is asked stands in the URL, what is answered comes page by page.
import { queryOf, request } from '../../data/api.ts';

/** An event without its data. */
export interface FoundEvent {
  position: number;
  cursor: string;
  resource: string;
  action: 'created' | 'updated' | 'deleted' | 'reverted';
  id: string;
  version: number;
  branch: string | null;
  previous_branch?: string | null;
  actor: string | null;
  request_id: string | null;
  user_agent: string | null;
  recorded_at: string;
}

export const searchNames = ['actor', 'branch', 'resource', 'from', 'to', 'request_id'] as const;
export type Search = Partial<Record<(typeof searchNames)[number], string>>;

export function searchOf(params: URLSearchParams): Search {
  const made: Search = {};
  for (const name of searchNames) {
    const value = params.get(name);
    if (value) made[name] = value;
  }
  return made;
}

export interface FoundPage {
  events: FoundEvent[];
  /** Goes on below this position; null: that was all. */
  before: number | null;
}

const pageEvents = 50;

export async function findEvents(search: Search, before: number | null, signal: AbortSignal): Promise<FoundPage> {
  const query = { ...search, limit: String(pageEvents), ...(before === null ? {} : { before: String(before) }) };
  const answer = await request(`/api/admin/events${queryOf(query)}`, { signal });
  const next = /[?&]before=(\d+)/.exec(answer.headers.get('Link') ?? '')?.[1];
  return { events: (await answer.json()) as FoundEvent[], before: next ? Number(next) : null };
}
