/** `errand audit`: who did what. */
import type { Command } from 'commander';
import { command, examples, gather, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { cell, paint, print, printJson, table } from '../output.ts';
import { gatherPages, readLimit } from '../pages.ts';
import { connect } from '../session.ts';

export function auditCommand(): Command {
  return withOutput(command('audit', 'every change and every read of a secret: who, what, when, from where'))
    .option('--action <operation>', 'only this operation, such as post-job; may be repeated', gather)
    .option('--key <id>', 'only what this key did; may be repeated', gather)
    .option('--since <time>', 'only what came after')
    .option('--until <time>', 'only what came before')
    .option('--limit <n>', 'how many at most', '50')
    .addHelpText('after', examples('audit', 'audit --action update-env-var --since 2026-01-31T00:00:00Z'))
    .action(audit);
}

interface AuditOptions extends OutputOptions {
  action?: string[];
  key?: string[];
  since?: string;
  until?: string;
  limit: string;
}

async function audit(options: AuditOptions): Promise<void> {
  const client = connect();
  const filter = {
    ...(options.action ? { action: options.action } : {}),
    ...(options.key ? { keyId: options.key } : {}),
    ...(options.since ? { after: options.since } : {}),
    ...(options.until ? { before: options.until } : {}),
  };
  const items = await gatherPages(readLimit(options.limit), (page) =>
    client.call('list-audit-entries', { query: { ...filter, ...page } }),
  );
  const entries = items.map(({ auditEntry }) => auditEntry);
  if (wantsJson(options)) return printJson(entries);
  const rows = entries.map((entry) => [
    entry.timestamp.slice(0, 19).replace('T', ' '),
    cell(entry.keyName ?? entry.keyId, 24),
    entry.ipAddress,
    entry.action,
    cell(entry.target ?? '', 50),
    paint(entry.status < 400 ? 'green' : 'red', String(entry.status)),
  ]);
  return print(table(['WHEN', 'WHO', 'FROM', 'WHAT', 'ON', 'RESULT'], rows));
}
