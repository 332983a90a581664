import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FetchError } from '../../src/builds/fetch/failure.ts';
import { CheckingProxy } from '../../src/builds/fetch/proxy.ts';
import { type FetchedRepository, LimitError, type Wanted } from '../../src/builds/fetch/repository.ts';
import { ProcessExecutor } from '../../src/executors/process/executor.ts';
import { type FetchOptions, fetchForTest } from '../support/fetch-for-test.ts';
import { GitRepository } from '../support/git-repository.ts';

let repository: GitRepository;
let first: string;
let folder: string;
let executor: ProcessExecutor;
let proxy: CheckingProxy;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-git-'));
  executor = new ProcessExecutor({ dataDir: join(folder, 'data') });
  proxy = await CheckingProxy.open({ private: false, local: false });
  repository = new GitRepository({ 'file.txt': 'one' });
  first = repository.git('rev-parse', 'HEAD');
  repository.commit({ 'file.txt': 'two' }, 'second\n\nwith a body');
  repository.git('tag', '-a', 'v1', '-m', 'release');
  repository.git('checkout', '-q', '-b', 'feature/x');
  repository.commit({ 'file.txt': 'feature' }, 'on the branch');
  repository.git('checkout', '-q', 'main');
});
afterAll(async () => {
  await executor.close();
  await proxy.close();
  repository.remove();
  rmSync(folder, { recursive: true, force: true });
});

const fetch = (
  wanted: Partial<Wanted> = {},
  options: Partial<FetchOptions> = {},
): Promise<FetchedRepository> =>
  fetchForTest({ url: repository.path, ...wanted }, { executor, folder, proxy, ...options });

const fileOf = ({ tree }: FetchedRepository): string => readFileSync(join(tree, 'file.txt'), 'utf8');

describe('fetchRepository', () => {
  test('takes the newest commit of the default branch, and names both', async () => {
    const fetched = await fetch();
    expect(fetched.branch).toBe('main');
    expect(fetched.commit.id).toBe(repository.git('rev-parse', 'main'));
    expect(fetched.commit.message).toBe('second\n\nwith a body');
    expect(fetched.commit.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(fileOf(fetched)).toBe('two');
  });

  test('takes a branch with a slash in its name', async () => {
    const fetched = await fetch({ branch: 'feature/x' });
    expect(fetched.branch).toBe('feature/x');
    expect(fileOf(fetched)).toBe('feature');
  });

  test('takes an older commit by its full id', async () => {
    const fetched = await fetch({ branch: 'main', commit: first });
    expect(fetched.commit.id).toBe(first);
    expect(fileOf(fetched)).toBe('one');
  });

  test('takes an older commit by an abbreviated id', async () => {
    const fetched = await fetch({ commit: first.slice(0, 8) });
    expect(fetched.commit.id).toBe(first);
    expect(fileOf(fetched)).toBe('one');
  });

  test('brings the tags of the commit', async () => {
    const { tree } = await fetch({ commit: repository.git('rev-parse', 'main') });
    expect(repository.git('-C', tree, 'describe', '--tags')).toBe('v1');
  });

  test('reads file:// addresses where local ones are allowed', async () => {
    expect(fileOf(await fetch({ url: `file://${repository.path}` }))).toBe('two');
  });

  test('leaves no remote and no address in the checkout', async () => {
    const { tree } = await fetch();
    expect(existsSync(join(tree, '.git', 'FETCH_HEAD'))).toBe(false);
    expect(readFileSync(join(tree, '.git', 'config'), 'utf8')).not.toMatch(/remote|local/);
    expect(repository.git('-C', tree, 'for-each-ref')).toMatch(/^\S+ tag\trefs\/tags\/v1$/);
    expect(repository.git('-C', tree, 'status', '--porcelain')).toBe('');
  });

  test('says which branch is not there', async () => {
    await expect(fetch({ branch: 'nowhere' })).rejects.toThrow(/nowhere/);
  });

  test('says so when a commit is not there', async () => {
    const missing = /^commit abcdef0123 is not in the repository/;
    await expect(fetch({ commit: 'abcdef0123' })).rejects.toThrow(missing);
  });

  test('reads no local repository where that is not allowed', async () => {
    const flags = { allowLocalRepos: false };
    await expect(fetch({}, { flags })).rejects.toThrow(/--allow-local-repos/);
  });

  test('runs no hook, no monitor and no other setting of a local repository', async () => {
    const other = new GitRepository({ 'file.txt': 'x' });
    const marker = join(folder, 'pwned-by-settings');
    for (const name of ['core.fsmonitor', 'core.sshCommand', 'uploadpack.packObjectsHook', 'core.pager'])
      other.git('config', name, `touch ${marker};`);
    await fetch({ url: other.path });
    expect(existsSync(marker)).toBe(false);
    other.remove();
  });

  test('does not leave a local repository by a link in it', async () => {
    const other = new GitRepository({ 'file.txt': 'x' });
    rmSync(join(other.path, '.git', 'objects'), { recursive: true });
    symlinkSync(join(repository.path, '.git', 'objects'), join(other.path, '.git', 'objects'));
    await expect(fetch({ url: other.path })).rejects.toThrow(FetchError);
    other.remove();
  });

  test('refuses a repository that borrows objects from another, and says how to make it whole', async () => {
    const other = new GitRepository({});
    other.git('clone', '-q', '--shared', repository.path, 'borrowing');
    await expect(fetch({ url: join(other.path, 'borrowing') })).rejects.toThrow(/git repack -a -d/);
    other.remove();
  });

  test('refuses what unfolds to more files than the limit, before any of them is written', async () => {
    const bomb = new GitRepository({});
    bomb.addBomb(10, 5);
    await expect(fetch({ url: bomb.path })).rejects.toThrow(
      new LimitError('the repository unfolds to more than 50000 files and folders (--max-repo-files)'),
    );
    bomb.addBomb(10, 2);
    await expect(fetch({ url: bomb.path }, { flags: { maxRepoFiles: '109' } })).rejects.toThrow(LimitError);
    await expect(fetch({ url: bomb.path }, { flags: { maxRepoFiles: '110' } })).resolves.toBeDefined();
    bomb.remove();
  });

  test('refuses what unfolds to more bytes than the limit', async () => {
    const bomb = new GitRepository({ big: 'x'.repeat(3_000_000) });
    await expect(fetch({ url: bomb.path }, { flags: { maxRepoSize: '2MB' } })).rejects.toThrow(
      new LimitError('the repository has, or unfolds to, more than 2097152 bytes (--max-repo-size)'),
    );
    bomb.remove();
  });

  test('takes LFS files from the store of a local repository, and says which are not there', async () => {
    const other = new GitRepository({});
    other.git('lfs', 'install', '--local');
    other.git('lfs', 'track', '*.bin');
    other.commit({ 'a.bin': 'what a is', 'b.bin': 'what b is' }, 'large files');
    const lost = other.git('lfs', 'ls-files', '--long', '--include', 'b.bin').slice(0, 64);
    const store = join(other.path, '.git/lfs/objects', lost.slice(0, 2), lost.slice(2, 4));
    writeFileSync(join(store, lost), 'forged: b', { flag: 'w' });
    const steps: string[] = [];
    const { tree } = await fetch({ url: other.path }, { steps });
    expect(readFileSync(join(tree, 'a.bin'), 'utf8')).toBe('what a is');
    expect(readFileSync(join(tree, 'b.bin'), 'utf8')).toContain(`oid sha256:${lost}`);
    expect(steps).toEqual([
      'Fetched 1 LFS file (9 bytes)',
      '1 LFS file (9 bytes) not fetched, their pointers are in their places: the repository does not have them',
    ]);
    other.remove();
  });

  test('takes an address that looks like an option for an address', async () => {
    const marker = join(folder, 'pwned');
    const url = `--upload-pack=touch ${marker}`;
    await expect(fetch({ url, branch: 'main' })).rejects.toThrow(FetchError);
    expect(existsSync(marker)).toBe(false);
  });

  test('runs no program that an ext:: address names', async () => {
    const marker = join(folder, 'pwned-ext');
    await expect(fetch({ url: `ext::touch ${marker}`, branch: 'main' })).rejects.toThrow(FetchError);
    expect(existsSync(marker)).toBe(false);
  });

  test('stops when it is told to', async () => {
    const stop = AbortSignal.abort(new Error('told to'));
    await expect(fetch({}, { stop })).rejects.toThrow('told to');
  });
});
