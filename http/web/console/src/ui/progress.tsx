// How far something is. `value` from 0 to 1; null: under way, nobody knows how far.
export function Progress({ value, label }: { value: number | null; label: string }) {
  return (
    <div class="progress">
      <progress aria-label={label} max={1} {...(value === null ? {} : { value })} />
      <span>{label}{value === null ? '' : ` · ${Math.floor(value * 100)} %`}</span>
    </div>
  );
}
