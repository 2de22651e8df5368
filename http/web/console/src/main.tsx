// The console starts here: the frame is drawn at once, pages when definitions and storage are there.
import { render } from 'preact';
import { Shell } from './app/shell.tsx';
import { startSync } from './app/sync.ts';
import { followWorker } from './app/worker.ts';
import './app/theme.ts';

render(<Shell />, document.getElementById('app')!);
void startSync();
void followWorker();
