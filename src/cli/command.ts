/** A command of `errand` as Commander's own class, with the options that every command has. */
import { Command, Option } from 'commander';
import type { Format } from './output.ts';

/** @param name with its arguments, as `show <service>` */
export function command(name: string, description: string): Command {
  return new Command(name).description(description).showHelpAfterError('(--help shows all options)');
}

export interface OutputOptions {
  output?: Format;
  json?: boolean;
}

/** Adds `--output json|text` and its short form. */
export function withOutput(target: Command): Command {
  return target
    .addOption(new Option('-o, --output <format>', 'how to print the answer').choices(['text', 'json']))
    .option('--json', 'the same as --output json');
}

export function wantsJson(options: OutputOptions): boolean {
  return options.json === true || options.output === 'json';
}

/** Lines below a command's help. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ errand ${line}`).join('\n')}`;
}

/** Gathers the values of an option that may be given several times. */
export function gather(value: string, earlier: string[] = []): string[] {
  return [...earlier, value];
}
