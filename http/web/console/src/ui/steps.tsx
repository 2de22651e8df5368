// Where one is in something that is done step by step.
export function Steps({ names, at }: { names: readonly string[]; at: number }) {
  return (
    <ol class="steps" aria-label="Steps">
      {names.map((name, index) => (
        <li key={name} class={index < at ? 'step-done' : ''} aria-current={index === at ? 'step' : undefined}>
          <span class="step-number" aria-hidden="true">{index < at ? '✓' : index + 1}</span>
          {name}
        </li>
      ))}
    </ol>
  );
}
