/**
 * Takes interfaces of the host away. The kernel needs grace periods for that, the last of them only to free memory: whoever
 * waits here goes on when the interface is gone for everybody. Those that are asked for meanwhile go together.
 */
import { isFailure } from '#base/errors/failure.ts';
import { messageFlag } from './message-batch.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { RouteSocket } from './route-socket.ts';

const RTM_DELLINK = 17;
const { acknowledge, echo } = messageFlag;

interface Waiting {
  readonly index: number;
  readonly done: PromiseWithResolvers<void>;
}

export class LinkRemover {
  #waiting: Waiting[] = [];
  #running = false;

  /** What is gone already is no error. @throws kernel.syscall_failed */
  async remove(index: number): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ index, done });
    if (!this.#running) void this.#run();
    await done.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await removeAll(batch.map(({ index }) => index));
        for (const { done } of batch) done.resolve();
      } catch (error) {
        for (const { done } of batch) done.reject(error);
      }
    }
    this.#running = false;
  }
}

async function removeAll(indexes: readonly number[]): Promise<void> {
  const [first, ...more] = indexes;
  if (first === undefined) return;
  if (more.length === 0) return await removeOne(first);
  // Nothing is echoed of a group.
  using routes = new RouteSocket();
  await routes.deleteLinks(indexes);
}

async function removeOne(index: number): Promise<void> {
  using stack = new DisposableStack();
  const socket = stack.use(new NetlinkSocket('route'));
  const batch = socket.batch();
  batch.message(RTM_DELLINK, acknowledge | echo, { purpose: 'delete link', subject: String(index) }, (body) => {
    // `struct ifinfomsg`.
    for (const word of [0, index, 0, 0]) body.u32(word);
  });
  try {
    const { finished } = await socket.requestEchoed(batch, RTM_DELLINK);
    const rest = stack.move();
    void finished.finally(() => rest.dispose());
  } catch (error) {
    if (!isFailure(error, 'kernel.syscall_failed') || error.details['errno'] !== 'ENODEV') throw error;
  }
}
