/** The texts of syslog messages. Times are local, as Go's `time.Now` prints them. */

/** Empty: the form local system logs take. */
export type SyslogFormat = '' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';

export interface SyslogFields {
  readonly priority: number;
  readonly tag: string;
  readonly hostname: string;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly content: Buffer;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const newline = 10;

/** One message with its line feed. */
export function formatSyslog(format: SyslogFormat, fields: SyslogFields): Buffer {
  const { priority, tag, hostname, content } = fields;
  const moment = new Date(Number(fields.time / 1_000_000n));
  const micros = String(fields.time % 1_000_000_000n).padStart(9, '0').slice(0, 6);
  const head = ((): string => {
    switch (format) {
      case '':
        return `<${priority}>${stamp(moment)} ${tag}[${process.pid}]: `;
      case 'rfc3164':
        return `<${priority}>${stamp(moment)} ${hostname} ${tag}[${process.pid}]: `;
      case 'rfc5424':
        return `<${priority}>1 ${isoLocal(moment, '')} ${hostname} ${tag} ${process.pid} ${tag} - `;
      case 'rfc5424micro':
        return `<${priority}>1 ${isoLocal(moment, `.${micros}`)} ${hostname} ${tag} ${process.pid} ${tag} - `;
    }
  })();
  const end = content.at(-1) === newline ? [] : [Buffer.from('\n')];
  return Buffer.concat([Buffer.from(head), content, ...end]);
}

/** `Jan _2 15:04:05`. */
function stamp(moment: Date): string {
  return `${months[moment.getMonth()] ?? ''} ${String(moment.getDate()).padStart(2)} ${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
}

function isoLocal(moment: Date, fraction: string): string {
  const offset = -moment.getTimezoneOffset();
  const shifted = new Date(moment.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${shifted}${fraction}${zone}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
