// Proves the hash chain and the read tables, and says in words what came of it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../../app/announcer.ts';
import { useKeys } from '../../app/keyboard.ts';
import { href } from '../../app/router.ts';
import { api, isAbort, sentenceOf } from '../../data/api.ts';
import { definitions } from '../../data/definitions.ts';
import { requestWithProgress } from '../../data/progress.ts';
import { Button } from '../../ui/button.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Progress } from '../../ui/progress.tsx';
import { countText, numberText } from '../../ui/text.ts';
import { adviceOn, type LogDifference } from './difference_words.ts';

interface Report {
  ok: boolean;
  events: number;
  erased: number;
  rows: number;
  position: number;
  seconds: number;
  at?: string;
  difference?: LogDifference;
  /** What is no difference, and worth knowing. */
  notes?: { kind: string; resource: string; detail: string }[];
}
interface Step {
  stage: string;
  done: number;
  total: number;
}

const path = '/api/admin/verify';

export function VerifyCard() {
  const [report, setReport] = useState<Report | null>(null);
  const [step, setStep] = useState<Step | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const underWay = useRef<AbortController | null>(null);

  const verify = async () => {
    if (underWay.current) return;
    const given = new AbortController();
    underWay.current = given;
    setProblem(null);
    setStep({ stage: '', done: 0, total: 0 });
    try {
      const made = await requestWithProgress<Report, Step>(path, { signal: given.signal }, setStep);
      setReport({ ...made, at: new Date().toISOString() });
      announce(made.ok ? 'Everything agrees' : 'A difference was found');
    } catch (error) {
      if (!isAbort(error)) setProblem(error);
    } finally {
      underWay.current = null;
      setStep(null);
    }
  };
  useEffect(() => {
    const given = new AbortController();
    api<{ running: boolean; last: Report | null }>(path, { signal: given.signal }).then(
      ({ running, last }) => {
        setReport((now) => now ?? last);
        if (running) void verify(); // somebody has begun it: it is followed
      },
      (error: unknown) => !isAbort(error) && setProblem(error),
    );
    return () => {
      given.abort();
      underWay.current?.abort();
    };
  }, []);
  useKeys('Audit', { v: { label: 'Verify now', run: () => void verify() } });

  return (
    <section class="card" aria-labelledby="verify-title">
      <div class="card-head">
        <h2 id="verify-title">Verification</h2>
        {step ? (
          <Button label="Cancel" onClick={() => underWay.current?.abort()} />
        ) : (
          <Button label="Verify now" kind="primary" icon="audit" onClick={() => void verify()} />
        )}
      </div>
      {step && <Progress label={stepText(step)} value={step.total > 0 ? Math.min(1, step.done / step.total) : null} />}
      {problem !== null && <Notice kind="error">{sentenceOf(problem)}</Notice>}
      {!step && problem === null && (report ? <Result report={report} /> : <p class="muted">
        Recomputes every hash from the first event on, and compares each row of each table with its events. Writes go on meanwhile.
      </p>)}
    </section>
  );
}

function stepText({ stage, done, total }: Step): string {
  if (stage === '') return 'Beginning';
  const what = stage === 'log' ? 'The log' : (definitions().find(({ name }) => name.replace(/-/g, '_') === stage)?.title ?? stage);
  return `${what}: ${numberText(done)} of ${numberText(Math.max(done, total))}`;
}

function Result({ report }: { report: Report }) {
  const { difference } = report;
  const notes = report.notes && report.notes.length > 0 && (
    <Notice kind="info">
      {report.notes.map(({ kind, resource, detail }) => <p key={`${kind} ${resource}`}>{detail}</p>)}
    </Notice>
  );
  const when = report.at && <p class="muted">Verified <Moment value={report.at} />, in {report.seconds.toFixed(1)}{'\u00a0'}s.</p>;
  if (!difference) {
    return (
      <>
        <Notice kind="good">
          Everything agrees: {countText(report.events, 'event')} and their chain, {countText(report.rows, 'row')} of the tables
          {report.erased > 0 && `, ${numberText(report.erased)} of the events erased`}.
        </Notice>
        {notes}
        {when}
      </>
    );
  }
  return (
    <>
      <Notice kind="error">
        <strong>The first difference:</strong> {difference.detail}
      </Notice>
      <p>{adviceOn(difference)}</p>
      {difference.resource && difference.id && (
        <p><a href={href(['t', difference.resource, difference.id])}>The record and its history</a></p>
      )}
      {notes}
      {when}
    </>
  );
}
