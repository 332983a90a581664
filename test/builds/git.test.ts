import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CheckoutRequest, checkOut, GitError } from '../../src/builds/git.ts';
import { GitRepository } from '../support/git-repository.ts';

let repository: GitRepository;
let first: string;
let folder: string;
let count = 0;
const never = new AbortController().signal;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-git-'));
  repository = new GitRepository({ 'file.txt': 'one' });
  first = repository.git('rev-parse', 'HEAD');
  repository.commit({ 'file.txt': 'two' }, 'second\n\nwith a body');
  repository.git('checkout', '-q', '-b', 'feature/x');
  repository.commit({ 'file.txt': 'feature' }, 'on the branch');
  repository.git('checkout', '-q', 'main');
});
afterAll(() => {
  repository.remove();
  rmSync(folder, { recursive: true, force: true });
});

function request(more: Partial<CheckoutRequest> = {}): CheckoutRequest {
  count += 1;
  return {
    url: repository.path,
    allowLocal: true,
    tree: join(folder, `tree-${count}`),
    home: join(folder, `home-${count}`),
    ...more,
  };
}

const fileOf = ({ tree }: CheckoutRequest): string => readFileSync(join(tree, 'file.txt'), 'utf8');

describe('checkOut', () => {
  test('takes the newest commit of the default branch, and names both', async () => {
    const wanted = request();
    const checkout = await checkOut(wanted, never);
    expect(checkout.branch).toBe('main');
    expect(checkout.commit.id).toBe(repository.git('rev-parse', 'main'));
    expect(checkout.commit.message).toBe('second\n\nwith a body');
    expect(checkout.commit.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(fileOf(wanted)).toBe('two');
  });

  test('takes a branch with a slash in its name', async () => {
    const wanted = request({ branch: 'feature/x' });
    expect((await checkOut(wanted, never)).branch).toBe('feature/x');
    expect(fileOf(wanted)).toBe('feature');
  });

  test('takes an older commit by its full id', async () => {
    const wanted = request({ branch: 'main', commit: first });
    expect((await checkOut(wanted, never)).commit.id).toBe(first);
    expect(fileOf(wanted)).toBe('one');
  });

  test('takes an older commit by an abbreviated id', async () => {
    const wanted = request({ commit: first.slice(0, 8) });
    expect((await checkOut(wanted, never)).commit.id).toBe(first);
    expect(fileOf(wanted)).toBe('one');
  });

  test('reads file:// addresses where local ones are allowed', async () => {
    const wanted = request({ url: `file://${repository.path}` });
    await checkOut(wanted, never);
    expect(fileOf(wanted)).toBe('two');
  });

  test('leaves no remote and no address in the checkout', async () => {
    const wanted = request();
    await checkOut(wanted, never);
    expect(existsSync(join(wanted.tree, '.git', 'FETCH_HEAD'))).toBe(false);
    expect(readFileSync(join(wanted.tree, '.git', 'config'), 'utf8')).not.toContain(repository.path);
  });

  test('says which branch is not there', async () => {
    await expect(checkOut(request({ branch: 'nowhere' }), never)).rejects.toThrow(/nowhere/);
  });

  test('says so when a commit is not there', async () => {
    const missing = /^commit abcdef0123 is not in the repository/;
    await expect(checkOut(request({ commit: 'abcdef0123' }), never)).rejects.toThrow(missing);
  });

  test('reads no local repository where that is not allowed', async () => {
    await expect(checkOut(request({ allowLocal: false }), never)).rejects.toThrow(/'file' not allowed/);
  });

  test('takes an address that looks like an option for an address', async () => {
    const marker = join(folder, 'pwned');
    const url = `--upload-pack=touch ${marker}`;
    await expect(checkOut(request({ url, branch: 'main' }), never)).rejects.toThrow(GitError);
    expect(existsSync(marker)).toBe(false);
  });

  test('runs no program that an ext:: address names', async () => {
    const marker = join(folder, 'pwned-ext');
    const url = `ext::touch ${marker}`;
    await expect(checkOut(request({ url, branch: 'main' }), never)).rejects.toThrow(/not allowed/);
    expect(existsSync(marker)).toBe(false);
  });

  test('refuses plain http', async () => {
    const url = 'http://127.0.0.1:9/team/app';
    await expect(checkOut(request({ url, branch: 'main' }), never)).rejects.toThrow(/'http' not allowed/);
  });

  test('stops when it is told to', async () => {
    const stopped = AbortSignal.abort();
    await expect(checkOut(request(), stopped)).rejects.toThrow('git was stopped');
  });
});
