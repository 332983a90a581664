/** What a service's fields must satisfy. Each rule throws `invalidRequest` naming the field, the value and what is accepted. */
import { posix } from 'node:path';
import { invalid, quote } from '../errors.ts';
import { isId } from '../shared/ids.ts';

const MAX_NAME_LENGTH = 100;

/** A name is what people type in place of the id, so it must not look like one. */
export function checkName(name: string): void {
  const fits = name.trim() === name && name.length >= 1 && name.length <= MAX_NAME_LENGTH;
  if (!fits || hasControls(name) || isId(name)) {
    throw invalid(
      `name must have 1 to ${MAX_NAME_LENGTH} characters, no space at its ends, and not be an id, got ${quote(name)}`,
    );
  }
}

/** The rules of git for names of branches, so that a name can be nothing else on a command line. */
export function checkBranch(branch: string): void {
  const bad =
    branch === '' ||
    branch === '@' ||
    branch.length > 250 ||
    hasControls(branch) ||
    /^[-/.]|[/.]$|\.lock(\/|$)|\.\.|\/\/|\/\.|@\{|[ ~^:?*[\\]/.test(branch);
  if (bad) throw invalid(`branch must be a valid name of a git branch such as main, got ${quote(branch)}`);
}

/** @throws `invalidRequest` for what is no folder below a repository's root */
export function checkRootDir(rootDir: string): void {
  if (hasControls(rootDir) || rootDir.startsWith('/') || plainRootDir(rootDir).split('/').includes('..')) {
    throw invalid(
      `rootDir must be a folder below the repository's root such as apps/web, got ${quote(rootDir)}`,
    );
  }
}

/** The folder below the repository's root, without needless parts; '' is the root. */
export function plainRootDir(rootDir: string): string {
  const path = posix.normalize(rootDir.replace(/^\.\//, '')).replace(/\/+$/, '');
  return path === '.' ? '' : path;
}

/** Five fields of cron, as far as their characters go. */
export function checkSchedule(schedule: string): void {
  if (!/^(\S+\s+){4}\S+$/.test(schedule.trim()) || !/^[\w*/,\s-]+$/.test(schedule)) {
    throw invalid(
      `serviceDetails.schedule must have five fields such as "0 4 * * *", got ${quote(schedule)}`,
    );
  }
}

/** A number of a field that has bounds. */
export function checkWholeNumber(field: string, value: unknown, least: number, most: number): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw invalid(`${field} must be a whole number from ${least} to ${most}, got ${quote(value)}`);
  }
}

/** A commit as a client may name one: 7 to 64 hexadecimal digits. */
export function checkCommit(commit: string): void {
  if (!/^[0-9a-f]{7,64}$/i.test(commit)) {
    throw invalid(`commitId must be 7 to 64 hexadecimal digits, got ${quote(commit)}`);
  }
}

/** Commands reach a shell as one text, which cannot hold a NUL. */
export function checkCommand(field: string, command: unknown): void {
  if (typeof command === 'string' && command.includes('\0')) throw invalid(`${field} must not contain NUL`);
}

function hasControls(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\x00-\x1f\x7f]/.test(text);
}
