/** A client's directory of blobs by containerd's content service on its session. */
import type { GrpcCaller } from '#base/grpc/grpc-call.ts';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { fail } from '#base/errors/failure.ts';
import type { ClientStore } from '#engine/solver/build-session.ts';
import { contentMethods, InfoRequest, ReadRequest, ReadResponse, storeIdKey, writeActions, WriteRequest, WriteResponse } from '#schema/buildkit/content-messages.ts';

const chunkSize = 512 * 1024;

export function clientStore(client: GrpcCaller, id: string): ClientStore {
  const metadata = { [storeIdKey]: id };
  return {
    has: async (digest, signal) => {
      try {
        await client.unary(contentMethods.info, InfoRequest.encode({ digest }), { signal, metadata });
        return true;
      } catch (error) {
        if (error instanceof GrpcError && error.code === statusCodes.notFound) return false;
        throw asFailure(error);
      }
    },
    read: async function* (digest, signal) {
      const call = client.call(contentMethods.read, { signal, metadata });
      await call.send(ReadRequest.encode({ digest }));
      call.end();
      try {
        for await (const message of call.messages) yield ReadResponse.decode(message).data;
      } catch (error) {
        throw asFailure(error);
      }
    },
    write: async (digest, size, bytes, signal) => {
      const call = client.call(contentMethods.write, { signal, metadata });
      const answers = call.messages[Symbol.asyncIterator]();
      // Every piece is answered before the next.
      const send = async (request: Parameters<typeof WriteRequest.encode>[0]): Promise<void> => {
        await call.send(WriteRequest.encode({ ref: digest, total: size, expected: digest, ...request }));
        const answer = await answers.next();
        if (answer.done === true) throw fail('build.session_failed', { message: `the client stopped taking ${digest}` });
        WriteResponse.decode(answer.value);
      };
      try {
        let offset = 0;
        for await (const chunk of bytes) {
          for (let at = 0; at < chunk.length; at += chunkSize) {
            const data = Buffer.from(chunk.subarray(at, at + chunkSize));
            await send({ action: writeActions.write, offset, data });
            offset += data.length;
          }
        }
        await send({ action: writeActions.commit, offset });
        call.end();
      } catch (error) {
        // Another build brought it meanwhile.
        if (error instanceof GrpcError && error.code === statusCodes.alreadyExists) return;
        throw asFailure(error);
      } finally {
        await answers.return?.();
      }
    },
  };
}

function asFailure(error: unknown): unknown {
  return error instanceof GrpcError ? fail('build.session_failed', { message: error.message }, error) : error;
}
