/** Environment variables of an owner: a service or a group. A running job keeps the values it started with. */
import { randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import {
  deleteEnvVarRow,
  deleteEnvVarsOf,
  envVarsOf,
  findEnvVar,
  insertEnvVars,
  selectEnvVars,
  updateEnvVarRow,
} from '../db/queries/env-vars.ts';
import type { EnvVarsTable } from '../db/schema.ts';
import { invalid, notFound, quote } from '../errors.ts';
import { parseMicros } from '../shared/clock.ts';
import { openValue, sealValue } from './environment.ts';

export interface EnvVarInput {
  key: string;
  value?: string;
  /** True: the value is made at random. */
  generateValue?: boolean;
}

/** A variable in the clear, on its way to a client that may read it. */
export interface EnvVarEntry {
  key: string;
  value: string;
  createdAt: string;
}

const MAX_KEY_LENGTH = 256;
/** Linux passes no single `KEY=VALUE` of 128 KiB or more to a program. */
const MAX_ENTRY_BYTES = 128 * 1024 - 1;
/** Linux passes a quarter of the stack limit in all, 2 MiB by default: half of it is left to groups and commands. */
const MAX_TOTAL_BYTES = 1024 * 1024;

/** Variables, newest first. @param before the place after which the page begins */
export async function listEnvVars(
  context: Pick<Context, 'vault'>,
  queries: Queries,
  ownerId: string,
  page: { limit: number; before?: string | undefined },
): Promise<EnvVarEntry[]> {
  const before = page.before === undefined ? undefined : parseMicros(page.before);
  const rows = await selectEnvVars(queries, ownerId, { limit: page.limit, before });
  return rows.map((row) => present(context, row));
}

/** @throws `notFound` when the owner has no such variable */
export async function getEnvVar(
  context: Pick<Context, 'vault'>,
  queries: Queries,
  ownerId: string,
  key: string,
): Promise<EnvVarEntry> {
  const row = await findEnvVar(queries, ownerId, key);
  if (!row) throw notFound(key);
  return present(context, row);
}

/** Replaces all variables of an owner and returns them in the order given. */
export async function replaceEnvVars(
  context: Pick<Context, 'vault' | 'clock'>,
  trx: Queries,
  ownerId: string,
  inputs: readonly EnvVarInput[],
): Promise<EnvVarEntry[]> {
  const seen = new Set<string>();
  const values = inputs.map((input) => {
    if (seen.has(input.key)) throw invalid(`environment variable ${quote(input.key)} is given twice`);
    seen.add(input.key);
    return { key: input.key, value: readValue(input) };
  });
  checkTotal(values);
  const rows = values.map(({ key, value }) => newRow(context, ownerId, key, value));
  await deleteEnvVarsOf(trx, ownerId);
  await insertEnvVars(trx, rows);
  return rows.map((row, index) => ({
    key: row.key,
    value: values[index]!.value,
    createdAt: row.created_at,
  }));
}

/** Adds a variable or changes its value. */
export async function setEnvVar(
  context: Pick<Context, 'vault' | 'clock'>,
  trx: Queries,
  ownerId: string,
  input: EnvVarInput,
): Promise<EnvVarEntry> {
  const value = readValue(input);
  const others = await envVarsOf(trx, [ownerId]);
  checkTotal([
    { key: input.key, value },
    ...others.filter((row) => row.key !== input.key).map((row) => present(context, row)),
  ]);
  const known = others.find((row) => row.key === input.key);
  if (!known) {
    const row = newRow(context, ownerId, input.key, value);
    await insertEnvVars(trx, [row]);
    return { key: row.key, value, createdAt: row.created_at };
  }
  await updateEnvVarRow(trx, ownerId, input.key, {
    value_sealed: sealValue(context.vault, ownerId, input.key, value),
    updated_at: context.clock.now(),
  });
  return { key: known.key, value, createdAt: known.created_at };
}

/** @throws `notFound` when the owner has no such variable */
export async function deleteEnvVar(trx: Queries, ownerId: string, key: string): Promise<void> {
  if (!(await deleteEnvVarRow(trx, ownerId, key))) throw notFound(key);
}

function readValue(input: EnvVarInput): string {
  if (input.key.length > MAX_KEY_LENGTH || !/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(input.key)) {
    throw invalid(
      `environment variable key ${quote(input.key)} is not accepted: a letter or _ first, then letters, digits, ` +
        `_ . or -, at most ${MAX_KEY_LENGTH} characters`,
    );
  }
  if (input.generateValue === true) return randomBytes(32).toString('base64');
  const { key, value } = input;
  if (value === undefined) {
    throw invalid(`environment variable ${key} needs a value, or generateValue: true`);
  }
  if (value.includes('\0')) throw invalid(`the value of environment variable ${key} must not contain NUL`);
  if (entryBytes({ key, value }) > MAX_ENTRY_BYTES) {
    throw invalid(`environment variable ${key} is larger than 128 KiB; put it into a secret file`);
  }
  return value;
}

function checkTotal(entries: readonly { key: string; value: string }[]): void {
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  if (bytes > MAX_TOTAL_BYTES) {
    throw invalid(
      `the environment variables have ${bytes} bytes in all; at most ${MAX_TOTAL_BYTES} are accepted`,
    );
  }
}

/** What `KEY=VALUE` and its end take. */
const entryBytes = ({ key, value }: { key: string; value: string }): number =>
  Buffer.byteLength(key) + Buffer.byteLength(value) + 2;

function newRow(
  context: Pick<Context, 'vault' | 'clock'>,
  ownerId: string,
  key: string,
  value: string,
): EnvVarsTable {
  // The clock never gives an instant twice, so the time of creation is a position too.
  const at = context.clock.now();
  return {
    owner_id: ownerId,
    key,
    position: parseMicros(at),
    value_sealed: sealValue(context.vault, ownerId, key, value),
    created_at: at,
    updated_at: at,
  };
}

function present(context: Pick<Context, 'vault'>, row: EnvVarsTable): EnvVarEntry {
  const value = openValue(context.vault, row.owner_id, row.key, row.value_sealed);
  return { key: row.key, value: value.reveal(), createdAt: row.created_at };
}
