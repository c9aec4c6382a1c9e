/** TCP addresses with TLS: who is let in, and what the others are told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Client } from '#client/client.ts';
import { parseEndpoint } from '#client/endpoint.ts';
import { runProgram } from '#kernel/run-program.ts';
import { freePort } from '../fixtures/free-port.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const directory = mkdtempSync('/tmp/dhow-tls-');
after(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string): string => join(directory, name);
const text = (name: string): string => readFileSync(file(name), 'utf8');

/** Authorities `ca` and `other`, a server's certificate, and clients of both. */
async function makeCertificates(): Promise<void> {
  const run = async (...args: string[]): Promise<void> => {
    const { exitCode, stderr } = await runProgram('openssl', args);
    assert.equal(exitCode, 0, stderr);
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const authority of ['ca', 'other']) {
    await run('req', '-x509', ...key, '-keyout', file(`${authority}-key.pem`), '-out', file(`${authority}.pem`), '-days', '2', '-subj', `/CN=${authority}`);
  }
  for (const [name, authority, extension] of [['server', 'ca', 'subjectAltName=IP:127.0.0.1'], ['client', 'ca', 'extendedKeyUsage=clientAuth'], ['stranger', 'other', 'extendedKeyUsage=clientAuth']] as const) {
    await run('req', ...key, '-x509', '-CA', file(`${authority}.pem`), '-CAkey', file(`${authority}-key.pem`), '-keyout', file(`${name}-key.pem`), '-out', file(`${name}.pem`), '-days', '2', '-subj', `/CN=${name}`, '-addext', extension, '-addext', 'basicConstraints=critical,CA:FALSE');
  }
}

function clientOf(port: number, name: string | undefined): Client {
  const material = { verify: true, authority: text('ca.pem'), ...(name !== undefined && { certificate: text(`${name}.pem`), key: text(`${name}-key.pem`) }) };
  return new Client({ endpoint: parseEndpoint(`tcp://127.0.0.1:${port}`, material), apiVersion: '1.51' });
}

test('with tlsverify only clients with a certificate of the authority must be let in', async (t) => {
  await makeCertificates();
  const port = await freePort();
  const files = ['--tlscert', file('server.pem'), '--tlskey', file('server-key.pem'), '--tlscacert', file('ca.pem')];
  await using _daemon = await TestDaemon.start({ arguments: ['-H', `tcp://127.0.0.1:${port}`, '--tlsverify', ...files] });

  await t.test('a client with one, whose streams work both ways', async () => {
    const client = clientOf(port, 'client');
    try {
      assert.deepEqual((await client.system.info())['Warnings'], null);
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['cat'], OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true });
      const stream = await client.containers.attach(Id, { stdin: true, stdout: true, stream: true });
      await client.containers.start(Id);
      await stream.write('x'.repeat(300_000));
      stream.closeWrite();
      let received = 0;
      for await (const chunk of stream) received += chunk.toString('latin1').replaceAll(/[^x]/g, '').length;
      assert.equal(received, 300_000);
    } finally {
      client.close();
    }
  });

  for (const name of [undefined, 'stranger']) {
    await t.test(`nobody ${name === undefined ? 'without one' : 'with one of another authority'}`, async () => {
      const client = clientOf(port, name);
      const refused = 'error during connect: Get "https://127.0.0.1:';
      await assert.rejects(client.system.info(), ({ message }: Error) => (name === undefined ? message === `${refused}${port}/v1.51/info": remote error: tls: certificate required` : message.startsWith('error during connect: ')));
      client.close();
    });
  }

  await t.test('a client does not take a server of another authority, nor of another name', async () => {
    for (const [host, authority, reason] of [['127.0.0.1', 'other.pem', 'certificate signed by unknown authority'], ['localhost', 'ca.pem', 'certificate is not valid for any names, but wanted to match localhost']] as const) {
      const client = new Client({ endpoint: parseEndpoint(`tcp://${host}:${port}`, { verify: true, authority: text(authority) }), apiVersion: '1.51' });
      await assert.rejects(client.system.info(), { message: `error during connect: Get "https://${host}:${port}/v1.51/info": tls: failed to verify certificate: x509: ${reason}` });
      client.close();
    }
  });

  await t.test('who speaks plain HTTP is told so', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    assert.equal(answer, 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n');
  });

  await t.test('old versions of TLS are refused', async () => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' });
    await assert.rejects(once(socket, 'secureConnect'));
    socket.destroy();
  });
});

test('without tlsverify everybody must be let in, and info warn of it, louder without encryption', async () => {
  const [secure, plain] = [await freePort(), await freePort()];
  const files = ['--tlscert', file('server.pem'), '--tlskey', file('server-key.pem')];
  const attackSurface = "\n         Access to the remote API is equivalent to root access on the host. Refer\n         to the 'Docker daemon attack surface' section in the documentation for\n         more information: https://docs.docker.com/go/attack-surface/";
  {
    await using daemon = await TestDaemon.start({ image: false, arguments: ['-H', `tcp://127.0.0.1:${secure}`, '--tls', ...files] });
    const client = clientOf(secure, undefined);
    assert.deepEqual((await client.system.info())['Warnings'], [`WARNING: API is accessible on https://127.0.0.1:${secure} without TLS client verification.${attackSurface}`]);
    client.close();
    assert.match(daemon.log, /without asking who calls/);
  }
  await using daemon = await TestDaemon.start({ image: false, arguments: ['-H', `tcp://127.0.0.1:${plain}`] });
  assert.deepEqual((await daemon.client.system.info())['Warnings'], [`WARNING: API is accessible on http://127.0.0.1:${plain} without encryption.${attackSurface}`]);
  assert.match(daemon.log, /without encryption and without asking who calls/);
});
