/** What kept a container from starting, read out of the error that its start left. */
import type { ExplanationCause } from '#schema/explanation.ts';

interface Obstacle {
  readonly pattern: RegExp;
  readonly cause: ExplanationCause;
  readonly verdict: string;
  readonly nextStep: string;
}

const obstacles: readonly Obstacle[] = [
  { pattern: /logging driver/, cause: 'log-driver', verdict: 'its log driver refused', nextStep: 'check that the log server of --log-driver can be reached and the --log-opt values are right, then start it again' },
  {
    pattern: /port is already allocated|address already in use/, cause: 'port-taken', verdict: 'a port that it publishes is taken',
    nextStep: 'stop what holds the port (`ps --filter publish=PORT`, or `ss -lptn` on the host), or create the container with another port',
  },
  {
    pattern: /[Nn]etwork .*not found|No such network|endpoint .*not found/, cause: 'network-missing', verdict: 'a network that it belongs to is gone',
    nextStep: 'make the network again and connect the container to it (`network create`, `network connect`), or create the container anew',
  },
  { pattern: /joining network namespace|join network namespace|failed to join|non running container/, cause: 'dependency-not-running', verdict: 'a container whose namespace it shares, or to which it is linked, does not run', nextStep: 'start that container first' },
  { pattern: /exec format error/, cause: 'executable-format', verdict: 'its program is in a format that this machine cannot run', nextStep: 'use an image for this architecture (`--platform`), or give a script its first line (`#!/bin/sh`)' },
  { pattern: /chdir to cwd/, cause: 'working-directory-missing', verdict: 'its working directory cannot be entered', nextStep: 'make the directory in the image, or choose another one with --workdir' },
  {
    pattern: /error while mounting volume|error while checking if volume|error looking up volume plugin/, cause: 'volume-missing', verdict: 'a volume that it mounts cannot be had',
    nextStep: 'check the volume’s options (`volume inspect`), and that its plugin or file server answers, then start it again',
  },
  { pattern: /bind source path does not exist|error mounting|no such volume|volume .*not found/, cause: 'volume-missing', verdict: 'something that it mounts is not there', nextStep: 'make the directory or volume, then start it again' },
  { pattern: /is a directory: permission denied|exec: .*permission denied/, cause: 'executable-not-permitted', verdict: 'its program may not be executed', nextStep: 'make the file executable (`chmod +x`) in the image, or name a program instead of a directory' },
  { pattern: /executable file not found|exec: .*no such file or directory/, cause: 'executable-missing', verdict: 'its program is not in the image', nextStep: 'check the spelling of the command and the PATH of the image; `run IMAGE sh` shows what is there' },
];

/** Where none fits: a setting that the machine or the runtime refused. */
const other = { cause: 'setting-refused', verdict: 'it could not be started', nextStep: 'change what the error names, then start it again' } as const;

export function obstacleOf(error: string): Pick<Obstacle, 'cause' | 'verdict' | 'nextStep'> {
  return obstacles.find(({ pattern }) => pattern.test(error)) ?? other;
}
