/** What a shell, or a program that it starts, is given of a command and of variables that people wrote. */

/** With line ends as a shell knows them: it would take those of other systems for a part of the last word. */
export const shellText = (command: string): string => command.replaceAll(/\r(?=\n|$)/g, '');

/**
 * The value of PATH. Nobody expands what is in a variable, but `bin:$PATH` can mean only one thing.
 * @param standard what an instance has without a PATH of its own
 */
export const searchPath = (value: string, standard: string): string =>
  value.replaceAll(/\$(?:PATH\b|\{PATH\})/g, () => standard);

/** Whether a shell can set a variable of this name; others it hands on at best. */
export const isShellName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

/**
 * Whether there are names among the variables that only bash hands on to the programs that it starts.
 * @throws when there are, and bash is not there
 */
export function requiresBash(environment: Record<string, unknown>, hasBash: boolean): boolean {
  const names = Object.keys(environment).filter((name) => !isShellName(name));
  if (names.length > 0 && !hasBash) {
    throw new Error(
      `the environment variables ${names.join(', ')} cannot reach the command: of the shells only bash hands on names ` +
        'with . or -, and there is no /bin/bash on this machine',
    );
  }
  return names.length > 0;
}
