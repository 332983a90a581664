/** The words after `--` as one shell command. */

/** Words of these characters mean the same with and without quotes. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/**
 * One word is a shell command already and stays as it is: `-- 'a | b'`. Several are the words of a command and keep
 * their borders: `-- echo "a b"` prints `a b`.
 */
export function shellCommand(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : words.map(quoteWord).join(' ');
}

/** A word as a shell reads it back. */
export function quoteWord(word: string): string {
  // A leading `NAME=value` would be an assignment where a command is meant; quoting the rest keeps it a word.
  if (PLAIN.test(word) && !/^\w+=/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
