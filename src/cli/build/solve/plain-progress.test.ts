import assert from 'node:assert/strict';
import test from 'node:test';
import type { Vertex } from '#schema/buildkit/control-messages.ts';
import { PlainProgress } from './plain-progress.ts';

const at = (seconds: number): { seconds: number; nanos: number } => ({ seconds, nanos: 0 });

function vertex(name: string, times: { started?: number; completed?: number; cached?: boolean; error?: string } = {}): Vertex {
  const { started, completed, cached = false, error = '' } = times;
  return { digest: name, name, inputs: [], cached, error, started: started === undefined ? undefined : at(started), completed: completed === undefined ? undefined : at(completed) };
}

function lines(): { progress: PlainProgress; take: () => string } {
  let text = '';
  const progress = new PlainProgress((more) => void (text += more));
  return { progress, take: () => [text, (text = '')][0] ?? '' };
}

test('what is over at once must be told once, by its last state and the time of its end', () => {
  const { progress, take } = lines();
  progress.update({ vertexes: [vertex('late', { started: 1, completed: 3 }), vertex('early', { started: 1, completed: 2 })] });
  progress.update({ vertexes: [vertex('early', { started: 1, completed: 2, cached: true })] });
  progress.print();
  assert.equal(take(), '#1 early\n#1 CACHED\n\n#2 late\n#2 DONE 2.0s\n');
});

test('a step that turns out cached after it was told must be told again, and nothing that is as before', () => {
  const { progress, take } = lines();
  progress.update({ vertexes: [vertex('base', { started: 1, completed: 1 })] });
  progress.print();
  progress.update({ vertexes: [vertex('base', { started: 1, completed: 1 })] });
  progress.print();
  assert.equal(take(), '#1 base\n#1 DONE 0.0s\n');
  progress.update({ vertexes: [vertex('base', { started: 1, completed: 1, cached: true }), vertex('next', { started: 2 })] });
  progress.print();
  assert.equal(take(), '\n#1 base\n#1 CACHED\n\n#2 next\n');
});

test('a line must have the time at which it was begun, and what has no end must be shown with the step', () => {
  const { progress, take } = lines();
  progress.update({ vertexes: [vertex('run', { started: 1 })] });
  const log = (seconds: number, text: string): void => {
    progress.update({ logs: [{ vertex: 'run', stream: 1, timestamp: at(seconds), message: Buffer.from(text) }] });
    progress.print();
  };
  log(2, 'begun');
  log(3, ' and ended\r\nr');
  log(4, 'st');
  progress.update({ vertexes: [vertex('run', { started: 1, completed: 5, error: 'failed' })] });
  progress.finish();
  assert.equal(take(), '#1 run\n#1 1.000 begun and ended\n#1 2.000 rst\n#1 ERROR: failed\n');
});

test('another step must be told to go on later when the shown one gives way', () => {
  const { progress, take } = lines();
  progress.update({ vertexes: [vertex('one', { started: 1 })] });
  progress.print();
  progress.update({ vertexes: [vertex('two', { started: 2, completed: 3 })] });
  progress.print();
  progress.update({ vertexes: [vertex('one', { started: 1, completed: 4 })] });
  progress.finish();
  assert.equal(take(), '#1 one\n#1 ...\n\n#2 two\n#2 DONE 1.0s\n\n#1 one\n#1 DONE 3.0s\n');
});
