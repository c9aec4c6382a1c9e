/**
 * A network of the test process's own that plays the host, so that nothing of the machine's is touched and
 * everything is gone with the process. The kernel's part is real: bridges, nftables, NAT.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { checked, declare } from '#kernel/libc.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { createNetworkNamespace, removeNetworkNamespace } from '#kernel/network-namespace.ts';
import { runProgram } from '#kernel/run-program.ts';
import { createNetworkController, type NetworkControllerOptions } from '#network/network-controller.ts';
import type { NetworkController, SandboxRequest } from '#network/contract.ts';
import type { PortMap } from '#schema/container-config.ts';
import { StateDatabase } from '#store/state-database.ts';

const CLONE_NEWNET = 0x40000000;
/** The private host's address on its way to the outside. */
export const hostAddress = '198.18.0.1';
export const hostAddress6 = 'fd00:18::1';
export const secondHostAddress6 = 'fd00:18::3';
/** A machine in the outside. */
export const outsideAddress = '198.18.0.2';
export const outsideAddress6 = 'fd00:18::2';

/** Leaves the machine's network for good; call it once, before anything else. */
export async function enterPrivateHost(): Promise<void> {
  await stat('/');
  checked(declare('int unshare(int flags)')(CLONE_NEWNET), 'unshare');
  using routes = new RouteSocket();
  routes.configure(undefined);
}

/** A directory with state and namespaces for engines of one test, removed with all its mounts and programs. */
export class TestRoot implements AsyncDisposable {
  readonly path = mkdtempSync(join(tmpdir(), 'dhow-network-'));
  readonly #children = new Set<ChildProcess>();

  /** A controller as a daemon makes it. `name` tells engines side by side apart; made twice, it is the next daemon. */
  controller(name: string, options: Partial<NetworkControllerOptions> = {}): NetworkController & AsyncDisposable {
    const database = new StateDatabase(join(this.path, `${name}.db`));
    return createNetworkController({ database, executionRoot: join(this.path, name), bridgeName: name, ...options });
  }

  /** The outside: a machine that the private host reaches by a link. Returns its namespace. */
  async outside(): Promise<string> {
    const path = join(this.path, 'outside');
    createNetworkNamespace(path, () => {
      using inside = new RouteSocket();
      inside.configure(undefined);
    });
    await succeed('ip', ['link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', path]);
    await succeed('ip', ['address', 'add', `${hostAddress}/24`, 'dev', 'wan0']);
    await succeed('ip', ['-6', 'address', 'add', `${hostAddress6}/64`, 'dev', 'wan0', 'nodad']);
    await succeed('ip', ['-6', 'address', 'add', `${secondHostAddress6}/64`, 'dev', 'wan0', 'nodad']);
    await succeed('ip', ['link', 'set', 'wan0', 'up']);
    await succeed('nsenter', [`--net=${path}`, 'ip', 'address', 'add', `${outsideAddress}/24`, 'dev', 'eth0']);
    await succeed('nsenter', [`--net=${path}`, 'ip', '-6', 'address', 'add', `${outsideAddress6}/64`, 'dev', 'eth0', 'nodad']);
    await succeed('nsenter', [`--net=${path}`, 'ip', 'link', 'set', 'eth0', 'up']);
    return path;
  }

  /** Runs a server in a namespace until the test ends; it answers every line with its name and the asker's address. Resolves when it listens. */
  async serve(namespacePath: string, name: string, port: number, protocol: 'tcp' | 'udp' | 'tcp6' = 'tcp'): Promise<ChildProcess> {
    return await this.run(namespacePath, serverProgram, name, String(port), protocol);
  }

  /** Runs a Python program in a namespace until the test ends. Resolves when it has printed something. */
  async run(namespacePath: string, program: string, ...parameters: string[]): Promise<ChildProcess> {
    const child = spawn('nsenter', [`--net=${namespacePath}`, 'python3', '-c', program, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.add(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    });
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    for (const mount of mountsUnder(this.path)) removeNetworkNamespace(mount);
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface PrivateHost {
  readonly root: TestRoot;
  readonly networks: NetworkController;
  /** The namespace of the machine outside. */
  readonly outside: string;
  /** Ends the engine and starts the next one, which takes up these containers. */
  nextEngine(live: Parameters<NetworkController['start']>[0]): Promise<NetworkController>;
}

/**
 * Becomes a private host with one engine, started on bridge `dhow0`, and a machine outside, for all tests of the file; call it
 * before anything else. They are gone after the last test.
 */
export async function playHost(options: Partial<NetworkControllerOptions> = {}): Promise<PrivateHost> {
  await enterPrivateHost();
  const root = new TestRoot();
  const make = (): NetworkController => root.controller('dhow0', { settings: { bip: '10.77.0.1/24' }, ...options });
  const networks = make();
  const engines = [networks];
  after(async () => {
    for (const engine of engines) await engine[Symbol.asyncDispose]();
    await root[Symbol.asyncDispose]();
  });
  const outside = await root.outside();
  await networks.start([]);
  const nextEngine = async (live: Parameters<NetworkController['start']>[0]): Promise<NetworkController> => {
    await engines.pop()?.[Symbol.asyncDispose]();
    const next = make();
    engines.push(next);
    await next.start(live);
    return next;
  };
  return { root, networks, outside, nextEngine };
}

/** What a container asks for, if it asks for nothing. */
export function sandboxRequest(name: string, more: Partial<SandboxRequest> = {}): SandboxRequest {
  const containerId = createHash('sha256').update(name).digest('hex');
  return { containerId, containerName: name, networkMode: 'bridge', exposedPorts: [], portBindings: {}, publishAll: false, ...more };
}

/** A request that publishes, written as `docker run -p` has it: `[address:]hostPort:containerPort[/protocol]`. */
export function publishing(name: string, ...specifications: string[]): SandboxRequest {
  const portBindings: PortMap = {};
  for (const specification of specifications) {
    const [, HostIp = '', HostPort = '', containerPort = '', protocol = 'tcp'] = /^(?:\[?([^\]]*)\]?:)??([\d-]*):(\d+)(?:\/(\w+))?$/.exec(specification) ?? [];
    (portBindings[`${containerPort}/${protocol}`] ??= []).push({ HostIp, HostPort });
  }
  return sandboxRequest(name, { exposedPorts: Object.keys(portBindings), portBindings });
}

/** Asks a server and gives its answer, or the name of the error (`ECONNREFUSED`, `timed out`). `from`: a namespace, by default the private host. */
export async function ask(address: string, port: number | string, options: { from?: string; protocol?: 'tcp' | 'udp' } = {}): Promise<string> {
  const client = ['python3', '-c', clientProgram, address, String(port), options.protocol ?? 'tcp'];
  const [program = '', ...parameters] = options.from === undefined ? client : ['nsenter', `--net=${options.from}`, ...client];
  const result = await runProgram(program, parameters);
  assert.equal(result.exitCode, 0, result.stderr);
  return result.stdout.trim();
}

export async function succeed(program: string, parameters: readonly string[]): Promise<string> {
  const result = await runProgram(program, parameters);
  assert.equal(result.exitCode, 0, `${program} ${parameters.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** Checks until it holds, or fails with its last complaint after so many milliseconds. */
export async function eventually(check: () => void | Promise<void>, patience = 5000): Promise<void> {
  const deadline = Date.now() + patience;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await setTimeout(20);
    }
  }
}

/** Innermost first. */
function mountsUnder(directory: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(`${directory}/`)).reverse();
}

const serverProgram = String.raw`
import socket, sys
name, port, protocol = sys.argv[1], int(sys.argv[2]), sys.argv[3]
server = socket.socket(socket.AF_INET6 if protocol == 'tcp6' else socket.AF_INET, socket.SOCK_DGRAM if protocol == 'udp' else socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(('', port))
if protocol != 'udp':
    server.listen()
print('ready', flush=True)
while True:
    if protocol != 'udp':
        peer, address = server.accept()
        peer.makefile('r').readline()
        peer.sendall(f'{name} {address[0]}\n'.encode())
        peer.close()
    else:
        asked, address = server.recvfrom(65536)
        server.sendto(f'{name} {address[0]}\n'.encode(), address)
`;

const clientProgram = String.raw`
import errno, socket, sys
address, port, protocol = sys.argv[1], int(sys.argv[2]), sys.argv[3]
client = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM)
client.settimeout(1)
try:
    client.connect((address, port))
    client.sendall(b'hello\n')
    answer = client.recv(65536)
    print(answer.decode().strip() if answer else 'closed')
except socket.timeout:
    print('timed out')
except OSError as error:
    print(errno.errorcode.get(error.errno, error.errno))
`;
