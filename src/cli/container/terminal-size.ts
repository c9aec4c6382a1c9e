/** Keeps the size of a container's or exec's terminal that of ours. */
import { ApiError, ConnectionError } from '#client/client-error.ts';
import type { Output } from '#cli/streams/output.ts';

export type Resize = (size: { rows: number; columns: number }) => Promise<void>;

/** Sets the size now, and whenever our terminal changes, until disposed. A process that is only starting is tried again. */
export async function followTerminalSize(output: Output, stderr: Output, resize: Resize): Promise<Disposable> {
  const set = async (): Promise<boolean> => {
    const { size } = output;
    if (size.rows === 0 && size.columns === 0) return true;
    try {
      await resize(size);
      return true;
    } catch (error) {
      if (error instanceof ApiError || error instanceof ConnectionError) return false;
      throw error;
    }
  };
  const onChange = (): void => void set();
  process.on('SIGWINCH', onChange);
  if (!(await set())) void retry(set, stderr);
  return { [Symbol.dispose]: () => void process.off('SIGWINCH', onChange) };
}

async function retry(set: () => Promise<boolean>, stderr: Output): Promise<void> {
  for (let attempt = 1; attempt <= 10; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, attempt * 10).unref());
    if (await set()) return;
  }
  stderr.writeLine('failed to resize tty, using default size');
}
