/** The daemon's log: lines with time, level, message and fields, in the form dockerd's have. */

/** From the quietest to the most talkative. `panic` and `fatal` are levels to filter by only. */
export const logLevels = ['panic', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFormat = 'text' | 'json';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

/** A log whose level a reload may change. */
export interface AdjustableLog extends Log {
  level: LogLevel;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Gets whole lines. Default: the standard error stream. */
  readonly write?: (line: string) => void;
  /** The present. Default: the system's clock. */
  readonly now?: () => Date;
}

export function createLog(options: LogOptions): AdjustableLog {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const now = options.now ?? (() => new Date());
  const render = options.format === 'json' ? renderJson : renderText;
  const at = (level: LogLevel) => (message: string, fields: LogFields = {}): void => {
    if (logLevels.indexOf(level) > logLevels.indexOf(log.level)) return;
    // Docker's logs say "warning" for what its option calls "warn".
    write(`${render({ time: now().toISOString(), level: level === 'warn' ? 'warning' : level, msg: message }, fields)}\n`);
  };
  const log: AdjustableLog = { level: options.level, error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
  return log;
}

interface Entry {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
}

function renderText({ time, level, msg }: Entry, fields: LogFields): string {
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${quoteWhereNeeded(textOf(value))}`);
  return `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(msg)}${rest.join('')}`;
}

function renderJson(entry: Entry, fields: LogFields): string {
  const { level, msg, time } = entry;
  return JSON.stringify({ ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, textOf(value)])), level, msg, time });
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.message;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

function quoteWhereNeeded(text: string): string {
  return /^[A-Za-z0-9\-._/@^+]+$/.test(text) ? text : JSON.stringify(text);
}
