/** Where the engine keeps what it makes. The data root survives reboots; the execution root does not. */
import { join } from 'node:path';

/** Socket addresses hold 108 bytes: directories of running processes are named by half an id. */
const runNameLength = 32;

export class EnginePaths {
  readonly dataRoot: string;
  readonly executionRoot: string;

  constructor(dataRoot: string, executionRoot: string) {
    this.dataRoot = dataRoot;
    this.executionRoot = executionRoot;
  }

  /** On disk: files bound into the container, its log and its exit file. */
  containerDirectory(id: string): string {
    return join(this.dataRoot, 'containers', id);
  }

  get containersDirectory(): string {
    return join(this.dataRoot, 'containers');
  }

  /** Shared memory of a container that shares it, while it runs. */
  sharedMemoryDirectory(id: string): string {
    return join(this.containerDirectory(id), 'mounts', 'shm');
  }

  logPath(id: string): string {
    return join(this.containerDirectory(id), `${id}-json.log`);
  }

  /** How far a log has been sent to its driver's server. */
  logPositionPath(id: string): string {
    return join(this.containerDirectory(id), 'log-position');
  }

  /** Files of builds under way. */
  get buildsDirectory(): string {
    return join(this.dataRoot, 'builds');
  }

  get bundlesDirectory(): string {
    return join(this.executionRoot, 'bundles');
  }

  /** The OCI bundle of a running container. */
  bundleDirectory(id: string): string {
    return join(this.bundlesDirectory, id);
  }

  /** Where subpaths of volumes are shown while a start needs them. */
  get pinsDirectory(): string {
    return join(this.executionRoot, 'pins');
  }

  get runsDirectory(): string {
    return join(this.executionRoot, 'runs');
  }

  /** Socket and pid file of a process's shim; `id` is a container's or an exec's. */
  runDirectory(id: string): string {
    return join(this.runsDirectory, id.slice(0, runNameLength));
  }

  /** The OCI runtime's own state. */
  get runtimeRoot(): string {
    return join(this.executionRoot, 'runtime');
  }
}
