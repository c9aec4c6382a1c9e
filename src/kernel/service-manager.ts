/** Tells systemd what the daemon does, sd_notify(3). Without a service manager nothing happens. */
import { spawnSync } from 'node:child_process';

/** @param state such as `READY=1` */
export function notifyServiceManager(state: string): void {
  const address = process.env['NOTIFY_SOCKET'];
  if (address === undefined || address === '') return;
  // Datagram sockets of the unix family are out of Node's reach; systemd brings the program for it.
  spawnSync('systemd-notify', [`--pid=${process.pid}`, state], { stdio: 'ignore', env: { NOTIFY_SOCKET: address, PATH: '/usr/bin:/bin' } });
}
