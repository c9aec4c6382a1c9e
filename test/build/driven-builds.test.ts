/** Builds that their client drives by BuildKit's gateway: results as inputs of other builds, sessions as calls. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { duplexPair } from 'node:stream';
import test, { after, before } from 'node:test';
import type { GrpcCaller } from '#base/grpc/grpc-call.ts';
import { unary } from '#base/grpc/grpc-call.ts';
import { serveGrpc } from '#base/grpc/grpc-server.ts';
import type { MessageOf } from '#base/protobuf/message-type.ts';
import { BytesMessage, type Definition } from '#schema/buildkit/common-messages.ts';
import { ControlSolveRequest } from '#schema/buildkit/control-messages.ts';
import { GatewaySolveRequest, GatewaySolveResponse, PongResponse, ReadFileRequest, ReadFileResponse, Ref, Result, ReturnRequest } from '#schema/buildkit/gateway-messages.ts';
import { GetSecretResponse, sessionMethods } from '#schema/buildkit/session-messages.ts';
import { SourceServer } from '../fixtures/source-server.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const control = '/moby.buildkit.v1.Control';
const bridge = '/moby.buildkit.v1.frontend.LLBBridge';

let daemon: TestDaemon;
let server: SourceServer;
before(async () => {
  server = await SourceServer.start();
  daemon = await TestDaemon.start();
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

interface Driven {
  readonly definition: MessageOf<typeof Definition> | undefined;
  readonly configuration: Buffer;
  readonly file: string;
}

interface Asked {
  readonly dockerfile: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly inputs?: Readonly<Record<string, MessageOf<typeof Definition>>>;
  readonly session?: string;
  /** To be read of the result. */
  readonly path: string;
}

async function drive(solver: GrpcCaller, { dockerfile, options = {}, inputs = {}, session = '', path }: Asked, signal: AbortSignal): Promise<Driven> {
  const ref = randomBytes(12).toString('hex');
  server.files.set(`/${ref}`, { body: dockerfile });
  const call = { signal, metadata: { 'buildkit-controlapi-buildid': ref } };
  const solving = solver.unary(`${control}/Solve`, ControlSolveRequest.encode({ ref, session, internal: true }), { signal });
  solving.catch(() => undefined);
  const request = GatewaySolveRequest.encode({ frontend: 'dockerfile.v0', frontendOptions: { context: `${server.url}/${ref}`, ...options }, frontendInputs: inputs, evaluate: true });
  try {
    const { result } = GatewaySolveResponse.decode(await solver.unary(`${bridge}/Solve`, request, call));
    const id = result?.ref?.id ?? '';
    await solver.unary(`${bridge}/Evaluate`, Ref.encode({ id }), call);
    const { data } = ReadFileResponse.decode(await solver.unary(`${bridge}/ReadFile`, ReadFileRequest.encode({ ref: id, path }), call));
    return { definition: result?.ref?.definition, configuration: result?.metadata['containerimage.config'] ?? Buffer.alloc(0), file: data.toString('utf8') };
  } finally {
    await solver.unary(`${bridge}/Return`, ReturnRequest.encode({ result: Result.of({}) }), call);
    await solving.catch(() => undefined);
  }
}

test('clients must be told that a build may have several outputs, and attestations', async () => {
  using solver = await daemon.client.builds.openSolver();
  const { definitionCapabilities } = PongResponse.decode(await solver.unary(`${bridge}/Ping`, Buffer.alloc(0), { signal: AbortSignal.timeout(20_000) }));
  assert.deepEqual(definitionCapabilities.filter(({ enabled }) => enabled).map(({ id }) => id).sort(), ['exporter.image.attestations', 'exporter.multiple']);
});

test('the result of a build must be the base and a source of another, also when its own build is over', async () => {
  const signal = AbortSignal.timeout(60_000);
  using solver = await daemon.client.builds.openSolver();
  const base = await drive(solver, { dockerfile: 'FROM busybox\nENV FROM_BASE=set\nRUN echo made > /from-base\n', path: 'from-base' }, signal);
  const { definition } = base;
  assert(definition !== undefined);
  // Clients take a definition's last operation for one whose input is the result, and look up what they are told of that.
  const digests = definition.def.map((bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  assert.deepEqual([definition.def.length, Object.keys(definition.metadata)], [2, digests.slice(0, 1)]);
  const options = { 'context:base': 'input:base', 'context:more::linux/amd64': 'input:base', 'input-metadata:base': JSON.stringify({ 'containerimage.config': base.configuration.toString('base64') }) };
  const next = await drive(solver, { dockerfile: 'FROM base\nCOPY --from=more /from-base /copied\nRUN cat /from-base /copied > /all; echo $FROM_BASE >> /all\n', options: { ...options, platform: 'linux/amd64' }, inputs: { base: definition }, path: 'all' }, signal);
  assert.equal(next.file, 'made\nmade\nset\n');
  const other = { def: [Buffer.from([0x1a, 0x03, 0x0a, 0x01, 0x78])], metadata: {} };
  await assert.rejects(drive(solver, { dockerfile: 'FROM base\n', options, inputs: { base: other }, path: 'all' }, signal), /inputs of a build can only be results of other builds here/);
});

test('a session must be served as a call, too', async () => {
  const signal = AbortSignal.timeout(60_000);
  using solver = await daemon.client.builds.openSolver();
  const id = randomBytes(12).toString('hex');
  const call = solver.call(`${control}/Session`, { signal, metadata: { 'x-docker-expose-session-uuid': id, 'x-docker-expose-session-grpc-method': sessionMethods.getSecret } });
  const [inner, outer] = duplexPair();
  const stop = new AbortController();
  const serving = serveGrpc(outer, { methods: new Map([[sessionMethods.getSecret, unary(async () => await Promise.resolve(GetSecretResponse.encode({ data: Buffer.from('told by a call') })))]]), signal: stop.signal, onFault: (error) => assert.fail(String(error)) });
  const receiving = (async () => {
    for await (const message of call.messages) inner.write(BytesMessage.decode(message).data);
  })();
  receiving.catch(() => undefined);
  const sending = (async () => {
    for await (const data of inner as AsyncIterable<Buffer>) await call.send(BytesMessage.encode({ data }));
    call.end();
  })();
  const { file } = await drive(solver, { dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=s cp /run/secrets/s /told\n', session: id, path: 'told' }, signal);
  assert.equal(file, 'told by a call');
  stop.abort();
  await Promise.allSettled([serving, receiving, sending]);
});
