/** Real git repositories in temporary folders, for services to be built from. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export class GitRepository {
  readonly path: string;

  /** A repository whose first commit, on `main`, has the given files. */
  constructor(files: Record<string, string>) {
    this.path = mkdtempSync(join(tmpdir(), 'errand-repo-'));
    this.git('init', '-q', '-b', 'main');
    this.commit(files, 'first');
  }

  /** Writes files and commits them. @returns the commit's id */
  commit(files: Record<string, string>, message: string): string {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), content);
    }
    this.git('add', '-A');
    this.git('commit', '-q', '--allow-empty', '-m', message);
    return this.git('rev-parse', 'HEAD');
  }

  git(...args: string[]): string {
    return this.#run(args);
  }

  #run(args: string[], input = ''): string {
    return execFileSync('git', args, {
      cwd: this.path,
      input,
      encoding: 'utf8',
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: this.path,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_AUTHOR_NAME: 'A Developer',
        GIT_AUTHOR_EMAIL: 'dev@example.com',
        GIT_COMMITTER_NAME: 'A Developer',
        GIT_COMMITTER_EMAIL: 'dev@example.com',
      },
    }).trim();
  }

  /** Commits `width` to the power of `depth` files out of one blob and one tree for each level. */
  addBomb(width: number, depth: number): void {
    const blob = this.git('hash-object', '-w', '--stdin');
    let entry = `100644 blob ${blob}`;
    for (let level = 0; level < depth; level += 1) {
      const lines = Array.from({ length: width }, (_, at) => `${entry}\tn${at}\n`).join('');
      entry = `040000 tree ${this.#run(['mktree'], lines)}`;
    }
    const tree = entry.split(' ').at(-1)!;
    this.git('reset', '-q', '--soft', this.git('commit-tree', tree, '-m', 'a bomb'));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
