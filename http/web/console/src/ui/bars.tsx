// A small chart of numbers over time: bars in plain SVG, with a sentence for those who do not see them.
export interface BarsProps {
  values: readonly number[];
  /** What a screen reader says of all of it. */
  label: string;
  /** What stands at a bar, for the pointer. */
  titleOf?: (index: number) => string;
  /** The height of a full bar, unless the values give one. */
  top?: number;
}

const height = 64;
const gap = 0.25;

export function Bars({ values, label, titleOf, top }: BarsProps) {
  const most = Math.max(top ?? 1, ...values, 1);
  return (
    <svg class="bars" viewBox={`0 0 ${values.length} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {values.map((value, index) => {
        const tall = value === 0 ? 0 : Math.max(1, (value / most) * height);
        return (
          <rect key={index} x={index + gap / 2} y={height - tall} width={1 - gap} height={tall}>
            {titleOf && <title>{titleOf(index)}</title>}
          </rect>
        );
      })}
    </svg>
  );
}
