/** containerd's content service, as far as BuildKit's clients ask for documents of the history (containerd 2.1, api/services/content/v1). */
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { unary, type GrpcMethod } from '#base/grpc/grpc-call.ts';
import type { BuildSolver } from '#engine/solver/contract.ts';
import { contentMethods, InfoRequest, InfoResponse, ReadRequest, ReadResponse } from '#schema/buildkit/content-messages.ts';

export function contentServiceMethods(solver: BuildSolver): [string, GrpcMethod][] {
  const find = (digest: string): Buffer => {
    const bytes = solver.document(digest);
    if (bytes === undefined) throw new GrpcError(statusCodes.notFound, `content ${digest}: not found`);
    return bytes;
  };
  return [
    [contentMethods.info, unary(async (message) => {
      const { digest } = InfoRequest.decode(message);
      return await Promise.resolve(InfoResponse.encode({ info: { digest, size: find(digest).length, createdAt: undefined, updatedAt: undefined, labels: {} } }));
    })],
    [contentMethods.read, async (call) => {
      for await (const message of call.messages) {
        const { digest, offset, size } = ReadRequest.decode(message);
        const bytes = find(digest);
        await call.send(ReadResponse.encode({ offset, data: bytes.subarray(offset, size <= 0 ? undefined : offset + size) }));
        return;
      }
    }],
  ];
}
