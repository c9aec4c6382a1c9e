/** `grpc.health.v1.Health`, and the collector of traces, whose reports are taken and not kept. */
import { integer, messageType } from '#base/protobuf/message-type.ts';
import { unary, type GrpcMethod } from '#base/grpc/grpc-call.ts';

const HealthCheckResponse = messageType({ status: integer(1) });
const serving = 1;

export function healthMethods(): [string, GrpcMethod][] {
  return [
    ['/grpc.health.v1.Health/Check', unary(async () => await Promise.resolve(HealthCheckResponse.encode({ status: serving })))],
    ['/opentelemetry.proto.collector.trace.v1.TraceService/Export', unary(async () => await Promise.resolve(Buffer.alloc(0)))],
  ];
}
