// A table of any length: only what is seen is on the page, in rows of one height that are used again as somebody scrolls.
import type { ReadonlySignal } from '@preact/signals';
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

export type GridRow = Record<string, unknown>;

export interface GridColumn {
  name: string;
  title: string;
  widthPx: number;
  isNumber: boolean;
  canSort: boolean;
  sorted?: 'up' | 'down';
}

export interface GridProps {
  label: string;
  columns: readonly GridColumn[];
  rows: readonly GridRow[];
  /** Rows in all, when more are known to exist than are there: the others are drawn empty. */
  count: number;
  /** Whether `count` is all there is. */
  isCounted: boolean;
  active: ReadonlySignal<string | null>;
  onActivate: (id: string) => void;
  cell: (row: GridRow, column: GridColumn) => ComponentChildren;
  /** At the end of the active row. */
  tools: (row: GridRow) => ComponentChildren;
  onOpen: (row: GridRow) => void;
  onSort: (column: GridColumn) => void;
  /** Which cells have just changed; the number tells one time from another. */
  flashOf: (id: string) => { fields: ReadonlySet<string> | 'row'; count: number; untilMs: number } | undefined;
  /** The first and the last row that is seen. */
  onSeen: (first: number, last: number) => void;
  /** Further rows may come in above the first one. */
  growsUpwards: boolean;
  onTop: (isAtTop: boolean) => void;
  /** Filled with what the page may call. */
  handle: { current: GridHandle | null };
}

export interface GridHandle {
  /** Brings a row into view. */
  show: (index: number) => void;
  toTop: () => void;
  focus: () => void;
  /** Rows that fit. */
  page: () => number;
}

const overscan = 10;
const step = 4; // rows are moved so many at a time
const maxAnchorSearch = 5_000;
const cellIdOf = (index: number) => `row-${index}`;

export function Grid(props: GridProps) {
  const { rows, columns, count, handle } = props;
  const box = useRef<HTMLDivElement>(null);
  const rowPx = useRef(36);
  const anchor = useRef<{ id: string; index: number } | null>(null);
  const slots = useRef(new SlotPool());
  const [range, setRange] = useState({ first: 0, last: 40 });
  const [beyond, setBeyond] = useState<Beyond>({ columns: 0, isScrolled: false, barPx: 0 });

  const look = () => {
    const element = box.current;
    if (!element) return;
    const px = rowPx.current;
    const top = Math.floor(element.scrollTop / px);
    const seen = Math.ceil(element.clientHeight / px);
    const first = Math.max(0, Math.floor((top - overscan) / step) * step);
    const last = Math.ceil((top + seen + overscan) / step) * step;
    setRange((now) => (now.first === first && now.last === last ? now : { first, last }));
    const row = rowsRef.current[top];
    anchor.current = row && (element.scrollTop > 0 || propsRef.current.growsUpwards) ? { id: String(row['id']), index: top } : null;
    propsRef.current.onSeen(top, top + seen);
    const beyond = cutOff(element, propsRef.current.columns);
    setBeyond((now) => (now.columns === beyond.columns && now.isScrolled === beyond.isScrolled && now.barPx === beyond.barPx ? now : beyond));
    propsRef.current.onTop(element.scrollTop < px);
  };
  const rowsRef = useRef(rows);
  const propsRef = useRef(props);
  propsRef.current = props;

  useLayoutEffect(() => {
    const element = box.current!;
    rowPx.current = Number.parseFloat(getComputedStyle(element).getPropertyValue('--row')) || 36;
    handle.current = {
      show: (index) => showRow(element, index, rowPx.current),
      toTop: () => (element.scrollTop = 0),
      focus: () => element.focus(),
      page: () => Math.max(1, Math.floor(element.clientHeight / rowPx.current) - 2),
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => {
      observer.disconnect();
      handle.current = null;
    };
  }, []);

  // Rows that came or went above must not move what somebody reads.
  useLayoutEffect(() => {
    const element = box.current!;
    rowsRef.current = rows;
    const held = anchor.current;
    if (held) {
      const now = indexNear(rows, held.id, held.index);
      if (now !== null && now !== held.index) element.scrollTop += (now - held.index) * rowPx.current;
    }
    look();
  }, [rows]);

  useEffect(() => {
    box.current!.style.setProperty('--columns', template(columns));
    look();
  }, [columns]);

  const first = Math.min(range.first, Math.max(0, count - 1));
  const last = Math.min(range.last, count);
  const shown: { index: number; row: GridRow | undefined; key: string }[] = [];
  for (let index = first; index < last; ++index) {
    const row = rows[index];
    shown.push({ index, row, key: row ? String(row['id']) : `empty ${index}` });
  }
  const keys = slots.current.assign(shown.map(({ key }) => key));
  const activeId = props.active.value;
  const activeShown = shown.find(({ row }) => row && row['id'] === activeId);
  const now = performance.now();

  return (
    <>
      <div
        ref={box}
        class={beyond.isScrolled ? 'grid grid-scrolled' : 'grid'}
        role="grid"
        aria-label={props.label}
        aria-rowcount={props.isCounted ? count + 1 : -1}
        aria-colcount={columns.length}
        aria-activedescendant={activeShown ? cellIdOf(activeShown.index) : undefined}
        tabIndex={0}
        onScroll={look}
      >
        <div class="grid-head" role="rowgroup">
          <div class="grid-row" role="row" aria-rowindex={1}>
            {columns.map((column) => <Head key={column.name} column={column} onSort={props.onSort} />)}
          </div>
        </div>
        <div class="grid-space" role="rowgroup" style={{ height: `${count * rowPx.current}px` }}>
          <div class="grid-window" role="presentation" style={{ transform: `translateY(${first * rowPx.current}px)` }}>
            {shown.map(({ index, row, key }, at) => {
              const flash = row && props.flashOf(key);
              const isActive = row !== undefined && row['id'] === activeId;
              return (
                <GridLine
                  key={keys[at]}
                  index={index}
                  row={row}
                  columns={columns}
                  isActive={isActive}
                  flash={flash && flash.untilMs > now ? flash : undefined}
                  cell={props.cell}
                  tools={isActive ? props.tools : undefined}
                  onActivate={props.onActivate}
                  onOpen={props.onOpen}
                />
              );
            })}
          </div>
        </div>
      </div>
      {beyond.columns > 0 && <MoreColumns beyond={beyond} onClick={() => box.current!.scrollBy({ left: box.current!.clientWidth / 2, behavior: 'smooth' })} />}
    </>
  );
}

interface Beyond {
  /** How many are cut off at the right. */
  columns: number;
  /** Some are hidden at the left. */
  isScrolled: boolean;
  /** Of the scroll bar at the right. */
  barPx: number;
}

const slackPx = 6; // of a column that is seen as good as whole

function cutOff(element: HTMLElement, columns: readonly GridColumn[]): Beyond {
  const rightPx = element.scrollLeft + element.clientWidth;
  let [edgePx, cut] = [0, 0];
  for (const { widthPx } of columns) if ((edgePx += widthPx) > rightPx + slackPx) ++cut;
  return { columns: cut, isScrolled: element.scrollLeft > 0, barPx: element.offsetWidth - element.clientWidth };
}

// A shadow at the edge, and the way there.
function MoreColumns({ beyond, onClick }: { beyond: Beyond; onClick: () => void }) {
  const { columns, barPx } = beyond;
  return (
    <div class="grid-beyond" style={{ right: `${barPx}px` }}>
      <button type="button" aria-label={`${columns} more ${columns === 1 ? 'column' : 'columns'}: scroll`} title="More columns" onClick={onClick}>
        {columns} more <Icon name="right" />
      </button>
    </div>
  );
}

function Head({ column, onSort }: { column: GridColumn; onSort: GridProps['onSort'] }) {
  const { title, sorted, canSort, isNumber } = column;
  return (
    <div
      class={isNumber ? 'grid-cell grid-number' : 'grid-cell'}
      role="columnheader"
      aria-sort={sorted === 'up' ? 'ascending' : sorted === 'down' ? 'descending' : undefined}
    >
      {canSort ? (
        <button type="button" class="grid-sort" title={`Sort by ${title}`} onClick={() => onSort(column)}>
          <span>{title}</span>
          {sorted && <Icon name={sorted} />}
        </button>
      ) : (
        <span>{title}</span>
      )}
    </div>
  );
}

interface LineProps {
  index: number;
  row: GridRow | undefined;
  columns: readonly GridColumn[];
  isActive: boolean;
  flash: ReturnType<GridProps['flashOf']>;
  cell: GridProps['cell'];
  tools: GridProps['tools'] | undefined;
  onActivate: GridProps['onActivate'];
  onOpen: GridProps['onOpen'];
}

// Draws itself only when something in it differs.
class GridLine extends Component<LineProps> {
  override shouldComponentUpdate(next: LineProps): boolean {
    const now = this.props;
    return (
      now.row !== next.row ||
      now.index !== next.index ||
      now.isActive !== next.isActive ||
      now.columns !== next.columns ||
      now.flash?.count !== next.flash?.count
    );
  }

  override render() {
    const { index, row, columns, isActive, flash, cell, tools } = this.props;
    if (!row) return <div class="grid-row grid-empty" role="row" aria-rowindex={index + 2}><div class="grid-cell" role="gridcell"><span class="grid-blank" /></div></div>;
    const isNew = flash?.fields === 'row';
    return (
      <div
        id={cellIdOf(index)}
        class={`grid-row${isActive ? ' grid-active' : ''}${isNew ? ' flash' : ''}${index % 2 ? ' grid-odd' : ''}`}
        role="row"
        aria-rowindex={index + 2}
        aria-selected={isActive}
        onClick={() => this.props.onActivate(String(row['id']))}
        onDblClick={() => this.props.onOpen(row)}
      >
        {columns.map((column) => {
          const isChanged = flash !== undefined && flash.fields !== 'row' && flash.fields.has(column.name);
          return (
            <div
              key={isChanged ? `${column.name} ${flash.count}` : column.name}
              class={`grid-cell${column.isNumber ? ' grid-number' : ''}${isChanged ? ' flash' : ''}`}
              role="gridcell"
            >
              {cell(row, column)}
            </div>
          );
        })}
        {tools && <div class="grid-tools" role="gridcell"><div>{tools(row)}</div></div>}
      </div>
    );
  }
}

// The last column takes what is left; the tools at the end take no room.
function template(columns: readonly GridColumn[]): string {
  const widths = columns.map(({ widthPx }) => `${widthPx}px`);
  const last = widths.pop();
  return [...widths, ...(last ? [`minmax(${last}, 1fr)`] : []), '0'].join(' ');
}

// Which element shows which row: those that are still seen keep theirs, the others are used again.
class SlotPool {
  #slotOf = new Map<string, number>();
  #made = 0;

  assign(keys: readonly string[]): number[] {
    const next = new Map<string, number>();
    for (const key of keys) {
      const slot = this.#slotOf.get(key);
      if (slot === undefined) continue;
      next.set(key, slot);
      this.#slotOf.delete(key);
    }
    const free = [...this.#slotOf.values()];
    for (const key of keys) if (!next.has(key)) next.set(key, free.pop() ?? this.#made++);
    this.#slotOf = next;
    return keys.map((key) => next.get(key)!);
  }
}

// Below the head, which stays.
function showRow(element: HTMLElement, index: number, px: number): void {
  const headPx = element.querySelector('.grid-head')?.clientHeight ?? px;
  const [top, bottom] = [index * px, (index + 1) * px];
  if (top < element.scrollTop) element.scrollTop = top;
  else if (bottom > element.scrollTop + element.clientHeight - headPx) element.scrollTop = bottom - element.clientHeight + headPx;
}

function indexNear(rows: readonly GridRow[], id: string, index: number): number | null {
  for (let away = 0; away < maxAnchorSearch; ++away) {
    if (rows[index + away]?.['id'] === id) return index + away;
    if (rows[index - away]?.['id'] === id) return index - away;
    if (index - away < 0 && index + away >= rows.length) return null;
  }
  return null;
}
