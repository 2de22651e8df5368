// Copies text and says so. Without a secure context browsers give no clipboard: then the text is shown to be copied.
import { toast } from '../app/toasts.ts';

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(text, { keep: true });
  }
}
