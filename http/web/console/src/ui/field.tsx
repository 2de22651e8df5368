// A label, a control, what is wrong with it and what helps: tied together for those who do not see them.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export interface ControlIds {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
  'aria-required': boolean | undefined;
}
export interface FieldProps {
  label: string;
  /** What is wrong; in place of the hint. */
  error?: string | null;
  hint?: ComponentChildren;
  required?: boolean;
  /** Read out, not shown. */
  hideLabel?: boolean;
  /** Gets what ties it to the label: `{(ids) => <input {...ids} />}`. */
  children: (ids: ControlIds) => ComponentChildren;
}

export function Field({ label, error, hint, required = false, hideLabel = false, children }: FieldProps) {
  const id = useId();
  const below = error || hint ? `${id}-below` : undefined;
  return (
    <div class={error ? 'field field-wrong' : 'field'}>
      <label for={id} class={hideLabel ? 'visually-hidden' : undefined}>
        {label}
        {required && <span class="field-required" title="required" aria-hidden="true"> *</span>}
      </label>
      {children({ id, 'aria-describedby': below, 'aria-invalid': error ? true : undefined, 'aria-required': required || undefined })}
      {below && <p id={below} class={error ? 'field-error' : 'field-hint'}>{error || hint}</p>}
    </div>
  );
}
