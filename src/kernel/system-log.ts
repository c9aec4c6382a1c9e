/** Where this machine's own logs listen. */

/** The usual sockets of a system log, in the order C libraries try them. */
export const systemLogSockets = ['/dev/log', '/var/run/syslog', '/var/run/log'] as const;

/** The journal's native protocol. */
export const journalSocket = '/run/systemd/journal/socket';
