/** Errors of the daemon's command line, configuration file and start. Texts are dockerd's where it has them. */
import type { ErrorRow } from './error-kind.ts';

export const daemonErrors = {
  'daemon.bad_arguments': { kind: 'invalid', text: (d) => `${d['message']}\nSee 'dhowd --help'.` },
  'daemon.bad_configuration': { kind: 'invalid', text: (d) => `unable to configure the Docker daemon with file ${d['path']}: ${d['reason']}` },
  'daemon.invalid_option': { kind: 'invalid', text: (d) => `${d['message']}` },
  'daemon.not_handed_over': {
    kind: 'system',
    text: (d) => `the daemon with PID ${d['pid']} has not given up the data root ${d['path']} in time: its log tells what it waits for; it goes on as before unless it says otherwise`,
  },
  'daemon.already_running': {
    kind: 'conflict',
    text: (d) => `ensure dhowd is not running or delete ${d['path']}: process with PID ${d['pid']} is still running`,
  },
  'daemon.data_root_in_use': {
    kind: 'conflict',
    text: (d) => `${d['holder']} uses the data root ${d['path']}; stop it, or give this daemon another --data-root`,
  },
} as const satisfies Record<string, ErrorRow>;
