// Asks before something that cannot be taken back: `if (await confirm({ … })) …`.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';

export interface Question {
  title: string;
  text: ComponentChildren;
  /** On the button that does it. */
  action: string;
  kind?: 'primary' | 'danger';
}

const asked = signal<{ question: Question; answer: (yes: boolean) => void } | null>(null);

export function confirm(question: Question): Promise<boolean> {
  asked.value?.answer(false);
  return new Promise((resolve) => {
    asked.value = {
      question,
      answer: (yes) => {
        asked.value = null;
        resolve(yes);
      },
    };
  });
}

/** Once, in the shell. */
export function Confirmations() {
  const now = asked.value;
  if (!now) return null;
  const { question, answer } = now;
  return (
    <Dialog
      title={question.title}
      onClose={() => answer(false)}
      actions={
        <>
          <Button label="Cancel" onClick={() => answer(false)} />
          <Button label={question.action} kind={question.kind ?? 'danger'} onClick={() => answer(true)} />
        </>
      }
    >
      <p>{question.text}</p>
    </Dialog>
  );
}
