/** All commands, in the order of the help. */
import type { Command } from 'commander';
import { auditCommand } from './audit.ts';
import { backupCommand } from './backup.ts';
import { deployCommand } from './deploy.ts';
import { doctorCommand } from './doctor.ts';
import { installServiceCommand } from './install-service.ts';
import { jobsCommand } from './jobs.ts';
import { keysCommand } from './keys.ts';
import { logsCommand } from './logs.ts';
import { restoreCommand } from './restore.ts';
import { rotateKeyCommand } from './rotate-key.ts';
import { runCommand } from './run.ts';
import { serveCommand } from './serve.ts';
import { servicesCommand } from './services.ts';
import { workspacesCommand } from './workspaces.ts';

export function allCommands(): Command[] {
  return [
    serveCommand(),
    installServiceCommand(),
    doctorCommand(),
    backupCommand(),
    restoreCommand(),
    rotateKeyCommand(),
    servicesCommand(),
    deployCommand(),
    runCommand(),
    jobsCommand(),
    logsCommand(),
    keysCommand(),
    workspacesCommand(),
    auditCommand(),
  ];
}
