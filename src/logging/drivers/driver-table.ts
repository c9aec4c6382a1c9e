/** The drivers that send logs to a server, by name. */
import { fluentdDriver } from './fluentd-driver.ts';
import { gelfDriver } from './gelf-driver.ts';
import { createJournaldDriver } from './journald-driver.ts';
import type { LogDriver } from './log-driver.ts';
import { splunkDriver } from './splunk-driver.ts';
import { syslogDriver } from './syslog-driver.ts';

export const remoteDrivers: ReadonlyMap<string, LogDriver> = new Map([
  ['fluentd', fluentdDriver],
  ['gelf', gelfDriver],
  ['journald', createJournaldDriver()],
  ['splunk', splunkDriver],
  ['syslog', syslogDriver],
]);
