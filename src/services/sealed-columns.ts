/**
 * Everything in the database that the master key seals: what a change of the key seals anew, and what tells whether a
 * key is the right one. A test holds the list to the tables.
 */
import type { SealedColumn } from '../db/queries/sealed-values.ts';
import { SEALED_AS } from './repository-credential.ts';

export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'env_vars',
    keys: ['owner_id', 'key'],
    column: 'value_sealed',
    boundTo: ([owner, key]) => `${owner}/${key}`,
  },
  {
    table: 'secret_files',
    keys: ['owner_id', 'name'],
    column: 'content_sealed',
    boundTo: ([owner, name]) => `${owner}/${name}`,
  },
  { table: 'snapshots', keys: ['id'], column: 'sealed', boundTo: ([id]) => `snapshot/${id}` },
  { table: 'registry_credentials', keys: ['id'], column: 'token_sealed', boundTo: ([id]) => id! },
  { table: 'webhooks', keys: ['id'], column: 'secret_sealed', boundTo: ([id]) => id! },
  {
    table: 'stored_answers',
    keys: ['workspace_id', 'request_key'],
    column: 'sealed',
    boundTo: ([workspace, request]) => `answer/${workspace}/${request}`,
  },
  {
    table: 'log_streams',
    keys: ['workspace_id'],
    column: 'token_sealed',
    boundTo: ([workspace]) => `log-stream/${workspace}`,
  },
  {
    table: 'log_stream_overrides',
    keys: ['resource_id'],
    column: 'token_sealed',
    boundTo: ([resource]) => `log-stream/${resource}`,
  },
  {
    table: 'services',
    keys: ['id'],
    column: 'extra',
    field: 'repoCredentialSealed',
    boundTo: ([id]) => `${id}/${SEALED_AS.token}`,
  },
  {
    table: 'services',
    keys: ['id'],
    column: 'extra',
    field: 'repoKeySealed',
    boundTo: ([id]) => `${id}/${SEALED_AS.key}`,
  },
];
