/** Errors of the container domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

const nameConflict = (d: Readonly<Record<string, unknown>>): string =>
  `Conflict. The container name "/${d['name']}" is already in use by container "${d['holder']}". You have to remove (or rename) that container to be able to reuse that name.`;

export const containerErrors = {
  'container.not_found': { kind: 'notFound', text: (d) => `No such container: ${d['reference']}` },
  'container.empty_reference': { kind: 'invalid', text: () => 'invalid container name or ID: value is empty' },
  'container.ambiguous_prefix': { kind: 'invalid', text: (d) => `multiple IDs found with provided prefix: ${d['reference']}` },
  'container.not_running': { kind: 'conflict', text: (d) => `container ${d['id']} is not running` },
  'container.already_started': { kind: 'notModified', text: () => 'container is already running' },
  'container.already_stopped': { kind: 'notModified', text: (d) => `container ${d['id']} is already stopped` },
  'container.paused': { kind: 'conflict', text: () => 'cannot start a paused container, try unpause instead' },
  'container.already_paused': { kind: 'conflict', text: (d) => `Container ${d['id']} is already paused` },
  // Docker answers 500.
  'container.not_paused': { kind: 'system', text: (d) => `Container ${d['id']} is not paused` },
  'container.restarting': { kind: 'conflict', text: (d) => `Container ${d['id']} is restarting, wait until the container is running` },
  'container.update_refused': { kind: 'conflict', text: (d) => `Cannot update container ${d['id']}: ${d['reason']}` },
  'container.update_failed': { kind: 'system', text: (d) => `Cannot update container ${d['id']}: ${d['reason']}` },
  'container.being_removed': { kind: 'conflict', text: () => 'container is marked for removal and cannot be started' },
  'container.removal_in_progress': { kind: 'conflict', text: (d) => `removal of container ${d['reference']} is already in progress` },
  'container.name_invalid': { kind: 'invalid', text: (d) => `Invalid container name (${d['name']}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed` },
  'container.name_in_use': { kind: 'conflict', text: nameConflict },
  'container.rename_name_in_use': { kind: 'conflict', text: (d) => `Error when allocating new name: ${nameConflict(d)}` },
  'container.rename_name_invalid': {
    kind: 'invalid',
    text: (d) => `Error when allocating new name: Invalid container name (${d['name']}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  },
  'container.rename_empty': { kind: 'invalid', text: () => 'Neither old nor new names may be empty' },
  'container.rename_same': { kind: 'invalid', text: () => 'Renaming a container with the same name as its current name' },
  'container.config_empty': { kind: 'invalid', text: () => 'config cannot be empty in order to create a container' },
  'container.no_command': { kind: 'invalid', text: () => 'no command specified' },
  'container.working_directory_relative': {
    kind: 'invalid',
    text: (d) => `the working directory '${d['path']}' is invalid, it needs to be an absolute path`,
  },
  'container.working_directory_blocked': { kind: 'system', text: (d) => `${d['message']}` },
  'container.remove_running': {
    kind: 'conflict',
    text: (d) => `cannot remove container "${d['name']}": container is running: stop the container before removing or force remove`,
  },
  'container.remove_paused': {
    kind: 'conflict',
    text: (d) => `cannot remove container "${d['name']}": container is paused and must be unpaused first`,
  },
  'container.remove_restarting': {
    kind: 'conflict',
    text: (d) => `cannot remove container "${d['name']}": container is restarting: stop the container before removing or force remove`,
  },
  'container.kill_refused': { kind: 'conflict', text: (d) => `cannot kill container: ${d['reference']}: container ${d['id']} is not running` },
  'container.kill_not_found': { kind: 'notFound', text: (d) => `cannot kill container: ${d['reference']}: No such container: ${d['reference']}` },
  'container.kill_signal_invalid': { kind: 'invalid', text: (d) => `cannot kill container: ${d['reference']}: invalid signal: ${d['signal']}` },
  'container.signal_invalid': { kind: 'invalid', text: (d) => `invalid signal: ${d['signal']}` },
  'container.variable_invalid': { kind: 'invalid', text: (d) => `invalid environment variable: ${d['variable']}` },
  'container.condition_invalid': { kind: 'invalid', text: (d) => `invalid condition: "${d['condition']}"` },
  'container.filter_invalid': { kind: 'invalid', text: (d) => `invalid filter '${d['filter']}'${d['reason'] === undefined ? '' : `: ${d['reason']}`}` },
  'container.start_refused': { kind: 'invalid', text: (d) => `${d['message']}` },
  'container.start_failed': { kind: 'system', text: (d) => `${d['message']}` },
  'container.exec_paused': { kind: 'conflict', text: (d) => `Container ${d['name']} is paused, unpause the container before exec` },
  'container.restart_policy_invalid': { kind: 'invalid', text: (d) => `invalid restart policy: ${d['reason']}` },
  'container.auto_remove_conflict': { kind: 'invalid', text: () => "can't set 'AutoRemove' with a restart policy" },
  'container.network_container_stopped': {
    kind: 'conflict',
    text: (d) => `cannot join network namespace of a non running container: container ${d['name']} is ${d['status']}`,
  },
  'container.network_container_missing': { kind: 'system', text: (d) => `joining network namespace of container: No such container: ${d['reference']}` },
  'container.namespace_donor_missing': { kind: 'invalid', text: (d) => `No such container: ${d['reference']}` },
  'container.namespace_donor_stopped': { kind: 'conflict', text: (d) => `failed to join ${d['namespace']} namespace: container ${d['id']} is not running` },
  'container.ipc_not_shareable': {
    kind: 'invalid',
    text: (d) => `failed to join IPC namespace: container ${d['id']}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  },
  'container.shutting_down': {
    kind: 'unavailable',
    text: () => 'the engine is shutting down: it takes no new work; try again when it has started',
  },
  'container.log_driver_unknown': { kind: 'notFound', text: (d) => `error looking up logging plugin ${d['driver']}: plugin "${d['driver']}" not found` },
  'container.log_options_invalid': { kind: 'invalid', text: (d) => `${d['message']}` },
  'container.logs_unsupported': { kind: 'notImplemented', text: () => 'configured logging driver does not support reading' },
  'container.attach_paused': { kind: 'conflict', text: (d) => `container ${d['name']} is paused, unpause the container before attach` },
  'exec.not_found': { kind: 'notFound', text: (d) => `No such exec instance: ${d['id']}` },
  'exec.no_command': { kind: 'invalid', text: () => 'No exec command specified' },
  'exec.already_run': { kind: 'conflict', text: (d) => `exec command ${d['id']} has already run` },
  'exec.already_running': { kind: 'conflict', text: (d) => `exec command ${d['id']} is already running` },
  'exec.not_running': { kind: 'notFound', text: (d) => `NotFound: process does not exist ${d['id']}: not found` },
  'exec.start_refused': { kind: 'invalid', text: (d) => `${d['message']}` },
  'exec.start_failed': { kind: 'system', text: (d) => `${d['message']}` },
} as const satisfies Record<string, ErrorRow>;
