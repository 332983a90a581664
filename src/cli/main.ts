/** The command line: which commands there are, and what becomes of their errors. */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { command } from './command.ts';
import { serveCommand } from './commands/serve.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { say, watchReaders } from './output.ts';

const { version, description } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; description: string };

const program = command('errand', description)
  .version(version)
  .addHelpText(
    'after',
    `
Environment:
  ERRAND_HOST     the server's address (else RENDER_HOST, else http://127.0.0.1:8080)
  ERRAND_API_KEY  your key (else RENDER_API_KEY)
  NO_COLOR        no colours

Exit codes: 0 done, 1 the server refused or did not answer, 2 wrong arguments; \`errand run --help\` has those of jobs.`,
  );

// A server has no use for the other commands: they, and the client that they share, would stay in its memory.
const isServer = process.argv[2] === 'serve';
const commands = isServer ? [serveCommand()] : (await import('./commands/index.ts')).allCommands();
for (const each of commands) program.addCommand(each);

watchReaders();

/** Commander's own refusals are wrong arguments; help and version are answers. */
function exitInsteadOfThrowing(commands: typeof program): void {
  commands.exitOverride();
  for (const each of commands.commands) exitInsteadOfThrowing(each);
}
exitInsteadOfThrowing(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    say(`errand: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.error;
  }
}
