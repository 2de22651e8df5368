// A place to drop a file on, which is a button to choose one as well.
import { useRef, useState } from 'preact/hooks';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

export interface DropZoneProps {
  label: string;
  hint: string;
  accept: string;
  /** One of several things on its page. */
  isSmall?: boolean;
  onFile: (file: File) => void;
}

export function DropZone({ label, hint, accept, isSmall = false, onFile }: DropZoneProps) {
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file) onFile(file);
  };
  return (
    <div
      class={`drop-zone${isSmall ? ' drop-zone-small' : ''}${isOver ? ' drop-zone-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      {!isSmall && <Icon name="import" />}
      <Button label={label} kind={isSmall ? 'plain' : 'primary'} onClick={() => input.current?.click()} />
      <p>{hint}</p>
      <input
        ref={input}
        class="visually-hidden"
        type="file"
        tabIndex={-1}
        aria-label={label}
        accept={accept}
        onChange={(event) => {
          take(event.currentTarget.files);
          event.currentTarget.value = ''; // the same file may be chosen again
        }}
      />
    </div>
  );
}
