/** Secret files of an owner: a service or a group. A running job keeps the contents it started with. */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import {
  deleteSecretFileRow,
  deleteSecretFilesOf,
  findSecretFile,
  insertSecretFiles,
  secretFilesOf,
  selectSecretFiles,
  updateSecretFileRow,
} from '../db/queries/secret-files.ts';
import type { SecretFilesTable } from '../db/schema.ts';
import { invalid, notFound, quote } from '../errors.ts';
import { parseMicros } from '../shared/clock.ts';
import { openValue, sealValue } from './environment.ts';

export interface SecretFileInput {
  name: string;
  content: string;
}

/** A file in the clear, on its way to a client that may read it. */
export interface SecretFileEntry extends SecretFileInput {
  createdAt: string;
}

/** What file systems allow for a name. */
const MAX_NAME_BYTES = 255;
/** All files of an owner together. */
const MAX_TOTAL_BYTES = 1024 * 1024;

/** Files, newest first. @param before the place after which the page begins */
export async function listSecretFiles(
  context: Pick<Context, 'vault'>,
  queries: Queries,
  ownerId: string,
  page: { limit: number; before?: string | undefined },
): Promise<SecretFileEntry[]> {
  const before = page.before === undefined ? undefined : parseMicros(page.before);
  const rows = await selectSecretFiles(queries, ownerId, { limit: page.limit, before });
  return rows.map((row) => present(context, row));
}

/** @throws `notFound` when the owner has no such file */
export async function getSecretFile(
  context: Pick<Context, 'vault'>,
  queries: Queries,
  ownerId: string,
  name: string,
): Promise<SecretFileEntry> {
  const row = await findSecretFile(queries, ownerId, name);
  if (!row) throw notFound(name);
  return present(context, row);
}

/** Replaces all files of an owner and returns them in the order given. */
export async function replaceSecretFiles(
  context: Pick<Context, 'vault' | 'clock'>,
  trx: Queries,
  ownerId: string,
  inputs: readonly SecretFileInput[],
): Promise<SecretFileEntry[]> {
  const seen = new Set<string>();
  for (const { name } of inputs) {
    checkName(name);
    if (seen.has(name)) throw invalid(`secret file ${quote(name)} is given twice`);
    seen.add(name);
  }
  checkTotal(inputs);
  const rows = inputs.map((input) => newRow(context, ownerId, input));
  await deleteSecretFilesOf(trx, ownerId);
  await insertSecretFiles(trx, rows);
  return rows.map((row, index) => ({ ...inputs[index]!, createdAt: row.created_at }));
}

/** Adds a file or changes its content. */
export async function setSecretFile(
  context: Pick<Context, 'vault' | 'clock'>,
  trx: Queries,
  ownerId: string,
  input: SecretFileInput,
): Promise<SecretFileEntry> {
  checkName(input.name);
  const all = await secretFilesOf(trx, [ownerId]);
  const others = all.filter((row) => row.name !== input.name).map((row) => present(context, row));
  checkTotal([input, ...others]);
  const known = all.find((row) => row.name === input.name);
  if (!known) {
    const row = newRow(context, ownerId, input);
    await insertSecretFiles(trx, [row]);
    return { ...input, createdAt: row.created_at };
  }
  await updateSecretFileRow(trx, ownerId, input.name, {
    content_sealed: sealValue(context.vault, ownerId, input.name, input.content),
    updated_at: context.clock.now(),
  });
  return { ...input, createdAt: known.created_at };
}

/** @throws `notFound` when the owner has no such file */
export async function deleteSecretFile(trx: Queries, ownerId: string, name: string): Promise<void> {
  if (!(await deleteSecretFileRow(trx, ownerId, name))) throw notFound(name);
}

function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const bad = name === '' || name === '.' || name.includes('..') || /[/\x00-\x1f\x7f]/.test(name);
  if (bad || Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw invalid(
      `secret file name ${quote(name)} is not accepted: 1 to ${MAX_NAME_BYTES} bytes without / and ..`,
    );
  }
}

function checkTotal(files: readonly SecretFileInput[]): void {
  const bytes = files.reduce((sum, file) => sum + Buffer.byteLength(file.content), 0);
  if (bytes > MAX_TOTAL_BYTES) {
    throw invalid(`the secret files have ${bytes} bytes in all; at most ${MAX_TOTAL_BYTES} are accepted`);
  }
}

function newRow(
  context: Pick<Context, 'vault' | 'clock'>,
  ownerId: string,
  { name, content }: SecretFileInput,
): SecretFilesTable {
  // The clock never gives an instant twice, so the time of creation is a position too.
  const at = context.clock.now();
  return {
    owner_id: ownerId,
    name,
    position: parseMicros(at),
    content_sealed: sealValue(context.vault, ownerId, name, content),
    created_at: at,
    updated_at: at,
  };
}

function present(context: Pick<Context, 'vault'>, row: SecretFilesTable): SecretFileEntry {
  const content = openValue(context.vault, row.owner_id, row.name, row.content_sealed);
  return { name: row.name, content: content.reveal(), createdAt: row.created_at };
}
