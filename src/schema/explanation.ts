/** `GET /containers/{id}/explain`, an endpoint of our own: why a container is as it is. */

export type ExplanationCause =
  | 'never-started' | 'running' | 'unhealthy' | 'paused' | 'restarting' | 'out-of-memory' | 'stopped' | 'killed' | 'killed-from-outside' | 'stopped-unhealthy'
  | 'crashed' | 'finished' | 'failed' | 'command-not-found' | 'command-not-executable' | 'executable-missing' | 'executable-not-permitted' | 'executable-format'
  | 'working-directory-missing' | 'port-taken' | 'network-missing' | 'volume-missing' | 'dependency-not-running' | 'log-driver' | 'setting-refused' | 'shim-lost';

export interface ExplanationLine {
  Stream: 'stdout' | 'stderr';
  Line: string;
}

export interface Explanation {
  Id: string;
  Name: string;
  Status: string;
  Cause: ExplanationCause;
  /** One sentence. */
  Verdict: string;
  /** What the verdict rests on, one fact each. */
  Evidence: string[];
  /** The last lines of its log; empty where there are none or they cannot be read here. */
  LastLines: ExplanationLine[];
  NextStep: string;
  ExitCode: number;
  RestartCount: number;
}
