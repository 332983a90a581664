/** Lines as RFC 5424 messages, framed by octet counting as RFC 5425 says. Pure. */
import { statedLevel } from './level.ts';
import type { StoredLine } from './log-store.ts';

/** What a message says about its line beyond the line itself. */
export interface SyslogOrigin {
  /** The service's slug. */
  hostname: string;
  /** Where the program runs: a job's id, or the id of the deploy that is built. */
  appName: string;
  serviceId: string;
  type: 'app' | 'build';
  /** Identifies the sender to the receiver; travels as structured data. */
  token?: string | undefined;
}

const FACILITY_USER = 1;
const SEVERITY = {
  emergency: 0,
  alert: 1,
  critical: 2,
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
} as const;
/** Structured data needs a name with an enterprise number; this one is reserved for documentation and examples. */
const SD_NAME = 'errand@32473';

/** One framed message. Its sequence lets a receiver recognise a line that was sent again. */
export function formatSyslog(line: StoredLine, message: string, origin: SyslogOrigin): Buffer {
  const severity = SEVERITY[statedLevel(message) ?? 'info'];
  const priority = FACILITY_USER * 8 + severity;
  // Receivers take microseconds at most.
  const time = `${line.timestamp.slice(0, 26)}Z`;
  const data = [
    ['resource', line.resource],
    ['service', origin.serviceId],
    ['segment', line.segment],
    ['sequence', String(line.sequence)],
    ['stream', line.stream],
    ...(origin.token ? [['token', origin.token]] : []),
  ].map(([name, value]) => `${name}="${value!.replaceAll(/["\\\]]/g, '\\$&')}"`);
  const head = `<${priority}>1 ${time} ${name(origin.hostname, 255)} ${name(origin.appName, 48)} - ${origin.type}`;
  const body = Buffer.from(`${head} [${SD_NAME} ${data.join(' ')}] ${message}`);
  return Buffer.concat([Buffer.from(`${body.length} `), body]);
}

/** Header fields are printable ASCII without spaces, of limited length. */
function name(text: string, limit: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, limit) || '-';
}
