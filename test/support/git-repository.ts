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
    return execFileSync('git', args, {
      cwd: this.path,
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

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
