/** Writes what a run found as Markdown: the promises first, then every table with how it was measured. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Section, Table, Target } from './measure.ts';
import type { Peers } from './peers/peers.ts';

export interface Run {
  startedAt: Date;
  finishedAt: Date;
  command: string;
  /** The one-minute load average, each time a measure began. */
  loads: number[];
  sections: Section[];
  failures: { name: string; why: string }[];
  peers: Peers;
}

export function report(run: Run): string {
  const targets = run.sections.flatMap((section) => section.targets);
  return [
    '# Results of the bench',
    '',
    `Written by \`${run.command}\` on ${run.startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC, in ${Math.round((run.finishedAt.getTime() - run.startedAt.getTime()) / 60_000)} minutes. All sides of a comparison were measured in turn in this one run; trust the ratios more than the figures.`,
    '',
    '## Promises',
    '',
    ...table({
      columns: ['what', 'wanted', 'found', 'holds'],
      rows: targets.map(({ what, wanted, found, holds }) => [what, wanted, found, verdict(holds)]),
    }),
    '',
    ...run.sections.flatMap(sectionText),
    ...absentText(run),
    '## Where this was measured',
    '',
    ...machine(run).map((line) => `- ${line}`),
    '',
  ].join('\n');
}

const verdict = (holds: Target['holds']): string => (holds === undefined ? '?' : holds ? 'yes' : '**no**');

function sectionText({ title, tables, notes }: Section): string[] {
  return [
    `## ${title}`,
    '',
    ...tables.flatMap((one) => [...table(one), '']),
    ...notes.flatMap((note) => [note, '']),
  ];
}

function table({ columns, rows }: Table): string[] {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)];
}

function absentText({ peers, failures }: Run): string[] {
  const lines = [
    ...[...peers.absent].map(([name, why]) => `- ${name}: ${why}`),
    ...failures.map(({ name, why }) => `- the measure ${name} failed: ${why}`),
  ];
  return lines.length === 0 ? [] : ['## Not measured', '', ...lines, ''];
}

function machine({ peers, loads }: Run): string[] {
  const [cpu] = cpus();
  return [
    `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB of memory, Linux ${release()}`,
    `data folders on ${fileSystem()}; cgroups ${cgroupLayout()}`,
    `Errand ${revision()} on Node ${process.versions.node}`,
    [...peers.versions]
      .map(([name, version]) => (version.startsWith(name) ? version : `${name} ${version}`))
      .join(', '),
    `load average when each measure began: ${loads.map((load) => load.toFixed(1)).join(', ')}; server, clients and peers share the same cores`,
  ];
}

export const currentLoad = (): number => loadavg()[0]!;

function fileSystem(): string {
  const text = execFileSync('df', ['--output=fstype', process.env['TMPDIR'] ?? '/tmp'], { encoding: 'utf8' });
  return text.trim().split('\n').at(-1)!;
}

function cgroupLayout(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8');
  const [legacy, unified] = [/ cgroup /.test(mounts), / cgroup2 /.test(mounts)];
  if (legacy) return unified ? 'v1 with an extra v2 mount (hybrid)' : 'v1';
  return 'v2';
}

function revision(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        cwd: import.meta.dirname,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const changed =
      git('status', '--porcelain', '--', '../src').trim() === '' ? '' : ' with uncommitted changes';
    return `at commit ${git('rev-parse', '--short', 'HEAD').trim()}${changed}`;
  } catch {
    return 'outside of a checkout';
  }
}
