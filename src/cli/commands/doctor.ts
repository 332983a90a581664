/** `errand doctor`: whether this host has what a server needs. */
import type { Command } from 'commander';
import type { ServeFlags } from '../../config.ts';
import type { Finding } from '../../doctor/check.ts';
import { command, examples } from '../command.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { cell, paint, print, printJson } from '../output.ts';
import { withServeFlags } from '../serve-flags.ts';

export function doctorCommand(): Command {
  return withServeFlags(
    command('doctor', 'look at what a server needs on this machine, and start one instance'),
  )
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      `${examples('doctor --data-dir /var/lib/errand', 'doctor --port 9000 --json')}\n
Give it the settings of the server, which may be running. Exit code 1: something essential failed. Advice is no failure.`,
    )
    .action(doctor);
}

async function doctor({ json, ...flags }: ServeFlags & { json?: boolean }): Promise<void> {
  const { ConfigError, readConfig } = await import('../../config.ts');
  const { examine } = await import('../../doctor/examine.ts');
  const { isFit } = await import('../../doctor/check.ts');
  const findings: Finding[] = [];
  // As the server does it.
  process.umask(0o022);
  try {
    for await (const finding of examine(readConfig(flags, process.env))) {
      findings.push(finding);
      if (!json) await show(finding);
    }
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
  const fit = isFit(findings);
  if (json) await printJson({ ok: fit, checks: findings.map(presented) });
  else await print(`\n${summary(findings)}`);
  process.exitCode = fit ? EXIT.ok : EXIT.error;
}

const presented = ({ id, status, essential, found, advice }: Finding) => ({
  id,
  status,
  essential,
  found,
  ...(advice === undefined ? {} : { advice }),
});

const MARKS = {
  ok: ['green', 'ok    '],
  advice: ['yellow', 'advice'],
  failed: ['red', 'FAILED'],
} as const;

async function show({ name, status, found, advice }: Finding): Promise<void> {
  const [colour, mark] = MARKS[status];
  // Texts of the kernel and of programs may hold anything.
  await print(`${paint(colour, mark)}  ${name.padEnd(17)}  ${cell(found, 2000)}`);
  if (advice) await print(`${' '.repeat(27)}→ ${cell(advice, 1000)}`);
}

function summary(findings: Finding[]): string {
  const failed = findings.filter(({ status }) => status === 'failed').map(({ name }) => name);
  if (failed.length > 0) return `failed: ${failed.join(', ')}`;
  return 'nothing essential failed: a server can run here';
}
