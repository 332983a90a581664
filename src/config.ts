/**
 * All settings, read once at start from flags and environment and validated with clear errors. Nothing else in the
 * project reads the server's environment.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import type { AddressRule } from './shared/addresses.ts';
import { CRASH_POINTS, type CrashPoint } from './shared/crash-points.ts';

export interface Config {
  dataDir: string;
  host: string;
  port: number;
  executor: 'local' | 'process';
  /** What services may be built from, and what fetching it may cost. */
  repositories: RepositorySettings;
  /** Where connections on behalf of users may lead. */
  destinations: { repositories: AddressRule; deliveries: AddressRule };
  /** Whether instances share the host's network or have none. */
  network: 'host' | 'none';
  /** What running jobs may hold together. */
  capacity: { memoryBytes: number; cpuMillis: number; jobs: number };
  /** Builds that run at once. */
  maxBuilds: number;
  /** Free space of the data folder below which nothing new is accepted or started, and whoever fills it is ended. */
  diskReserveBytes: number;
  /** What the files of one job or build may take; by the size of the disk where nothing is said. */
  maxJobDisk: { bytes?: number; files?: number };
  /** What the output of one job or build may have; by the size of the disk where nothing is said. */
  maxLogBytes?: number;
  /** Bytes of output in a second above which a job or build is slowed, after a while. */
  maxLogRate: number;
  /** How long, and up to what size of all of it, the output of jobs and builds is kept. */
  logRetention: { maxAgeMs?: number; maxBytes?: number };
  /** A file of certificates to trust, besides the usual ones, at receivers of forwarded output. */
  logStreamCa?: string;
  /** How often one key may call. */
  rateLimits: { jobsPerHour: number; readsPerMinute: number; writesPerMinute: number };
  /** Connections at once; otherwise what the process's limit of descriptors leaves room for. */
  maxConnections?: number;
  /** The admin key to install on the first start, where the operator chose one. */
  adminApiKey?: string;
  /** 32 bytes in hex or base64; a file in the data folder otherwise. */
  masterKey?: string;
  /** For crash tests: kill this process at a named point. */
  crashAt?: { point: CrashPoint; hits: number };
}

export interface RepositorySettings {
  /** Folders of this machine below which `file://` and paths are accepted: `/` for any, none for no such thing. */
  localFolders: readonly string[];
  /** Of what is fetched and of what it unfolds to, LFS files and submodules included. */
  maxBytes: number;
  /** Files and folders, submodules included. */
  maxFiles: number;
  maxMs: number;
  /** Certificates to trust, besides the usual ones, at hosts of repositories: the text of a PEM file. */
  ca?: string;
}

export class ConfigError extends Error {}

/** What `errand serve` accepts, as texts. */
export interface ServeFlags {
  dataDir?: string;
  host?: string;
  port?: string;
  executor?: string;
  /** True for the flag without a folder. */
  allowLocalRepos?: boolean | string[];
  /** False for the flag with `no`. */
  privateRepos?: boolean;
  allowPrivateDestinations?: boolean;
  maxRepoSize?: string;
  maxRepoFiles?: string;
  maxRepoMinutes?: string;
  gitCa?: string;
  network?: string;
  maxMemory?: string;
  maxCpu?: string;
  maxJobs?: string;
  maxBuilds?: string;
  diskReserve?: string;
  logRetention?: string;
  maxLogBytes?: string;
  maxLogRate?: string;
  maxJobDisk?: string;
  maxJobFiles?: string;
  logStreamCa?: string;
  maxJobsPerHour?: string;
  maxReadsPerMinute?: string;
  maxWritesPerMinute?: string;
  maxConnections?: string;
}

/** Memory that the host keeps for itself when the operator names no limit. */
const HOST_RESERVE = 0.1;

/** @throws ConfigError naming the flag, the value seen and what would be accepted */
export function readConfig(flags: ServeFlags, env: Record<string, string | undefined>): Config {
  const cpus = availableParallelism();
  const config: Config = {
    dataDir: resolve(flags.dataDir ?? env['ERRAND_DATA_DIR'] ?? './errand-data'),
    host: flags.host ?? '127.0.0.1',
    port: wholeNumber('--port', flags.port ?? '8080', 0, 65_535),
    executor: oneOf('--executor', flags.executor ?? 'local', ['local', 'process'] as const),
    repositories: repositories(flags),
    destinations: destinations(flags),
    network: oneOf('--network', flags.network ?? 'host', ['host', 'none'] as const),
    capacity: {
      memoryBytes: flags.maxMemory ? bytes('--max-memory', flags.maxMemory) : totalmem() * (1 - HOST_RESERVE),
      // CPU is shared in time, so by default jobs may ask for twice what the host has.
      cpuMillis: flags.maxCpu ? decimal('--max-cpu', flags.maxCpu) * 1000 : Math.max(cpus * 2, 4) * 1000,
      jobs: wholeNumber('--max-jobs', flags.maxJobs ?? '1000', 1, 1_000_000),
    },
    maxBuilds: wholeNumber('--max-builds', flags.maxBuilds ?? String(Math.max(1, cpus >> 1)), 1, 1000),
    diskReserveBytes: bytes('--disk-reserve', flags.diskReserve ?? '256MB'),
    maxJobDisk: {},
    maxLogRate: bytes('--max-log-rate', flags.maxLogRate ?? '20MB'),
    logRetention: retention('--log-retention', flags.logRetention ?? DEFAULT_LOG_RETENTION),
    rateLimits: {
      jobsPerHour: rate('--max-jobs-per-hour', flags.maxJobsPerHour),
      readsPerMinute: rate('--max-reads-per-minute', flags.maxReadsPerMinute),
      writesPerMinute: rate('--max-writes-per-minute', flags.maxWritesPerMinute),
    },
  };
  if (flags.maxConnections !== undefined) {
    config.maxConnections = wholeNumber('--max-connections', flags.maxConnections, 1, 1_000_000);
  }
  if (flags.maxLogBytes) config.maxLogBytes = bytes('--max-log-bytes', flags.maxLogBytes);
  if (flags.maxJobDisk) config.maxJobDisk.bytes = bytes('--max-job-disk', flags.maxJobDisk);
  if (flags.maxJobFiles) {
    config.maxJobDisk.files = wholeNumber('--max-job-files', flags.maxJobFiles, 1, 1_000_000_000_000);
  }
  if (flags.logStreamCa) config.logStreamCa = resolve(flags.logStreamCa);
  if (env['ERRAND_ADMIN_API_KEY']) config.adminApiKey = adminKey(env['ERRAND_ADMIN_API_KEY']);
  if (env['ERRAND_MASTER_KEY']) config.masterKey = env['ERRAND_MASTER_KEY'];
  if (env['ERRAND_CRASH_AT']) config.crashAt = crashAt(env['ERRAND_CRASH_AT']);
  return config;
}

function repositories(flags: ServeFlags): RepositorySettings {
  const settings: RepositorySettings = {
    localFolders: localFolders(flags.allowLocalRepos),
    maxBytes: bytes('--max-repo-size', flags.maxRepoSize ?? '4GB'),
    maxFiles: wholeNumber('--max-repo-files', flags.maxRepoFiles ?? '50000', 1, 100_000_000),
    maxMs: wholeNumber('--max-repo-minutes', flags.maxRepoMinutes ?? '30', 1, 1440) * 60_000,
  };
  if (flags.gitCa) settings.ca = certificates('--git-ca', flags.gitCa);
  return settings;
}

/** The text of a file of certificates. */
function certificates(flag: string, file: string): string {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
    for (const [one] of text.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)) {
      new X509Certificate(one);
    }
  } catch (cause) {
    throw new ConfigError(`${flag} must name a file of certificates (PEM), got "${file}"`, { cause });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw new ConfigError(`${flag} must name a file of certificates (PEM), and "${file}" has none`);
  }
  return text;
}

function localFolders(given: ServeFlags['allowLocalRepos'] = false): string[] {
  if (typeof given === 'boolean') return given ? ['/'] : [];
  return given.map((folder) => {
    // One that is not there yet would be accepted, and mean whatever is put in its place.
    if (!isAbsolute(folder) || !existsSync(folder)) {
      throw new ConfigError(
        `--allow-local-repos must name folders that exist, by absolute paths, got "${folder}"`,
      );
    }
    return realpathSync(folder);
  });
}

function destinations(flags: ServeFlags): Config['destinations'] {
  const any = flags.allowPrivateDestinations ?? false;
  const privateRepos = flags.privateRepos ?? true;
  if (any && !privateRepos) {
    throw new ConfigError('--allow-private-destinations and --no-private-repos contradict each other');
  }
  return {
    repositories: { private: privateRepos, local: any },
    deliveries: { private: any, local: any },
  };
}

/** `POINT` or `POINT:N`. */
function crashAt(text: string): { point: CrashPoint; hits: number } {
  const [name, hits] = text.split(':');
  return {
    point: oneOf('ERRAND_CRASH_AT', name!, CRASH_POINTS),
    hits: wholeNumber('ERRAND_CRASH_AT', hits ?? '1', 1, 1_000_000),
  };
}

function adminKey(key: string): string {
  // Never quote the key itself.
  if (!/^[\x21-\x7e]{16,200}$/.test(key)) {
    throw new ConfigError('ERRAND_ADMIN_API_KEY must have 16 to 200 printable characters without spaces');
  }
  return key;
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < least || number > most) {
    throw new ConfigError(`${flag} must be a whole number from ${least} to ${most}, got "${text}"`);
  }
  return number;
}

/** High enough that only a runaway script meets it. */
const DEFAULT_RATE = '1000000';

function rate(flag: string, text = DEFAULT_RATE): number {
  return wholeNumber(flag, text, 1, 1_000_000_000);
}

function decimal(flag: string, text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) <= 0) {
    throw new ConfigError(`${flag} must be a positive number such as 1.5, got "${text}"`);
  }
  return Number(text);
}

function oneOf<const T extends string>(flag: string, text: string, accepted: readonly T[]): T {
  const found = accepted.find((one) => one === text);
  if (!found) throw new ConfigError(`${flag} must be one of ${accepted.join(', ')}, got "${text}"`);
  return found;
}

const DEFAULT_LOG_RETENTION = '30d';
const PERIODS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A period, a size, or both: `30d`, `50GB`, `30d,50GB`; `forever` for no limit. */
function retention(flag: string, text: string): Config['logRetention'] {
  const limits: Config['logRetention'] = {};
  for (const part of text === 'forever' ? [] : text.split(',')) {
    const period = /^(\d{1,6})([mhd])$/.exec(part.trim());
    if (period) limits.maxAgeMs = Number(period[1]) * PERIODS[period[2]!]!;
    else if (/^\d.*[kmgt]i?b$/i.test(part.trim())) limits.maxBytes = bytes(flag, part.trim());
    else {
      throw new ConfigError(`${flag} must be such as 30d, 12h, 50GB, 30d,50GB or forever, got "${text}"`);
    }
  }
  return limits;
}

const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Sizes such as `2GB`, `512M` or plain bytes; units are binary. */
function bytes(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)i?b?$/i.exec(text);
  const size = match ? Number(match[1]) * UNITS[match[2]!.toLowerCase()]! : 0;
  if (size <= 0) throw new ConfigError(`${flag} must be a size such as 512MB or 4GB, got "${text}"`);
  return Math.floor(size);
}
