/**
 * The graph of a build: what to make, out of what. A node's digest names all of this, so equal work has equal digests;
 * what its inputs hold is not in it and is looked at when they are there.
 */
import type { Heredoc } from '#build/dockerfile-lines.ts';
import type { LineRange } from '#build/dockerfile.ts';
import type { Ulimit } from '#schema/container-config.ts';
import { cacheKeyOf } from './build-cache.ts';
import type { WantedFiles } from './build-session.ts';

interface NodeFacts {
  /** `sha256:…`; also names the step to the client. */
  readonly digest: string;
  /** As shown to the client. */
  readonly name: string;
  readonly inputs: readonly BuildNode[];
  /** Lines of the Dockerfile; undefined: none of it. */
  readonly range: LineRange | undefined;
  /** Do not use what was made before. */
  readonly fresh: boolean;
}

/** Nothing. */
export interface ScratchNode extends NodeFacts {
  readonly kind: 'scratch';
}

export interface ImageNode extends NodeFacts {
  readonly kind: 'image';
  /** Chain id; undefined: an image without layers. */
  readonly top: string | undefined;
}

/** Layers of an image in a directory of the client's, in OCI's layout. */
export interface LayoutNode extends NodeFacts {
  readonly kind: 'layout';
  /** The client's name of the directory. */
  readonly store: string;
  /** Digests, bottom first. */
  readonly layers: readonly string[];
}

/** A directory of the client. */
export interface LocalNode extends NodeFacts {
  readonly kind: 'local';
  readonly directory: string;
  readonly wanted: WantedFiles;
  /** Of the progress of its transfer. */
  readonly transfer: string;
}

/** Files that stand in the Dockerfile. */
export interface InlineNode extends NodeFacts {
  readonly kind: 'inline';
  readonly files: readonly Pick<Heredoc, 'name' | 'content'>[];
  readonly mode: number;
}

/** A file behind an address, or an archive with a context. */
export interface DownloadNode extends NodeFacts {
  readonly kind: 'download';
  readonly url: string;
  readonly checksum: string;
  /** Of the file; empty: as the server names it. */
  readonly fileName: string;
  /** A context: an archive is unpacked. */
  readonly archive: boolean;
}

/** A commit of a Git repository. */
export interface GitNode extends NodeFacts {
  readonly kind: 'git';
  readonly remote: string;
  readonly ref: string;
  readonly directory: string;
  readonly keepDirectory: boolean;
  /** Repositories within the repository are fetched, too. */
  readonly submodules: boolean;
  readonly checksum: string;
}

export interface CopyPart {
  /** Which input it comes from. */
  readonly input: number;
  readonly path: string;
  /** `path` is a pattern, and may be of a directory whose contents are meant. */
  readonly pattern: boolean;
  readonly unpack: boolean;
  /** Of a context: missing files are told with its name. */
  readonly parents: boolean;
}

/** COPY and ADD. Input 0 is what is copied over. */
export interface CopyNode extends NodeFacts {
  readonly kind: 'copy';
  readonly parts: readonly CopyPart[];
  /** Absolute; a closing slash says it is a directory. */
  readonly target: string;
  readonly owner: string;
  readonly mode: string;
  readonly excludes: readonly string[];
  /** Made over nothing, and laid over input 0 as it is. */
  readonly link: boolean;
  /** Owners of the sources stay where none is asked for. */
  readonly keepOwners: boolean;
}

/** WORKDIR. */
export interface DirectoryNode extends NodeFacts {
  readonly kind: 'directory';
  readonly path: string;
  readonly user: string;
}

export interface RunMount {
  readonly type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';
  /** Which input; undefined: none. */
  readonly input: number | undefined;
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
  /** Bytes; 0: no limit. */
  readonly size: number;
  readonly id: string;
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly required: boolean;
  /** Name of the variable a secret is given in; undefined: none. */
  readonly variable: string | undefined;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** RUN. Input 0 is its root file system. */
export interface RunNode extends NodeFacts {
  readonly kind: 'run';
  readonly command: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  /** Given to the command and no part of what the step is known by. */
  readonly proxies: readonly string[];
  readonly directory: string;
  readonly user: string;
  readonly mounts: readonly RunMount[];
  readonly network: 'default' | 'none' | 'host';
  readonly insecure: boolean;
  readonly hostname: string;
  readonly hosts: readonly string[];
  /** Bytes; 0: the usual. */
  readonly sharedMemory: number;
  readonly ulimits: readonly Ulimit[];
  /** Empty: the usual. */
  readonly cgroupParent: string;
}

export type BuildNode = ScratchNode | ImageNode | LayoutNode | LocalNode | InlineNode | DownloadNode | GitNode | CopyNode | DirectoryNode | RunNode;

type Draft<N> = N extends BuildNode ? Omit<N, 'digest' | 'range' | 'fresh'> & Partial<Pick<N, 'digest' | 'range' | 'fresh'>> : never;

/** Names the node by its facts; a digest that is there already is passed over. */
export function buildNode(draft: Draft<BuildNode>): BuildNode {
  const { range, fresh = false, inputs, digest: _digest, ...facts } = draft;
  const digest = cacheKeyOf(facts, inputs.map((input) => input.digest), range?.start ?? 0);
  return { ...draft, range, fresh, digest } as BuildNode;
}

/** A node and all it is made of, each once, inputs first. */
export function allNodes(target: BuildNode): BuildNode[] {
  const found = new Map<string, BuildNode>();
  const visit = (node: BuildNode): void => {
    if (found.has(node.digest)) return;
    for (const input of node.inputs) visit(input);
    found.set(node.digest, node);
  };
  visit(target);
  return [...found.values()];
}
