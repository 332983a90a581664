/**
 * What may import what, and other rules that keep the code's promises visible. A failure names the file and the rule;
 * change the code, or change the table here together with docs/architecture.md and say why.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const GENERATED = ['src/api/contract-types.ts', 'src/client/operations.ts'];

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort();
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const sources = filesBelow('src').filter((path) => path.endsWith('.ts'));

/**
 * Part of src → what it may import: parts, or single files of them. `type:` allows types alone, which are gone when the
 * code runs. A part may always import itself. The most specific entry counts.
 */
const MAY_IMPORT: Record<string, string[]> = {
  'src/shared': [],
  'src/errors.ts': [],
  'src/lifecycle': [],
  'src/config.ts': ['src/shared'],
  'src/db': ['src/shared', 'src/lifecycle', 'src/errors.ts'],
  'src/logs': ['src/shared', 'src/errors.ts'],
  // What the engines share lies directly in the folder; no engine leans on another.
  'src/executors/*.ts': ['src/shared'],
  'src/executors/local': ['src/executors/*.ts', 'src/shared', 'type:src/config.ts'],
  'src/executors/process': ['src/executors/*.ts', 'src/shared', 'type:src/config.ts'],
  'src/services': ['DOMAIN'],
  'src/builds': ['DOMAIN', 'src/services'],
  'src/jobs': ['DOMAIN', 'src/services', 'src/builds', 'src/logs/mask.ts'],
  // The data folder as a whole, with its key, its copies and its identity: also while no server runs on it.
  'src/safekeeping': ['DOMAIN', 'src/services', 'src/jobs', 'src/config.ts', 'src/data-folder.ts'],
  'src/background': [
    'DOMAIN',
    'src/services',
    'src/builds',
    'src/jobs',
    'src/safekeeping',
    'src/logs/syslog.ts',
    'src/logs/syslog-connection.ts',
  ],
  // Requests reach the database through the domain's verbs alone. The logs' own notions (levels, patterns, instants)
  // are part of what a request may say.
  'src/api': [
    'src/shared',
    'src/errors.ts',
    'src/lifecycle',
    'src/context.ts',
    'src/services',
    'src/builds',
    'src/jobs',
    'src/logs',
    'type:src/db/schema.ts',
  ],
  'src/client': ['type:src/api/contract-types.ts', 'src/shared/key-proof.ts'],
  // People's tools use the public API alone. The price list is the exception, a table without effects; `serve` loads
  // the server when it is asked for.
  'src/cli': ['src/client', 'src/shared', 'src/services/plans.ts', 'type:src/api/contract-types.ts'],
  'src/cli/commands/serve.ts': ['src/cli', 'src/config.ts', 'src/server.ts'],
  // Look at this host or change it, without any server.
  'src/cli/commands/doctor.ts': ['src/cli', 'src/config.ts', 'src/doctor'],
  'src/cli/commands/install-service.ts': ['src/cli', 'src/config.ts', 'src/systemd'],
  'src/systemd': ['src/executors/local/jobs-scope.ts', 'src/executors/local/runtime.ts'],
  // These work on the data folder itself, whatever state the server is in.
  'src/cli/commands/backup.ts': ['src/cli', 'src/config.ts', 'src/safekeeping', 'src/shared'],
  'src/cli/commands/restore.ts': ['src/cli', 'src/config.ts', 'src/safekeeping', 'src/shared'],
  'src/cli/commands/rotate-key.ts': ['src/cli', 'src/config.ts', 'src/safekeeping', 'src/shared'],
  // Composition: the value that is handed down, as types, and the place that makes it.
  'src/context.ts': ['src'],
  'src/server.ts': ['src'],
  'src/data-folder.ts': ['src/config.ts'],
  // Looks at a host as the local executor will use it, and starts an instance through it.
  'src/doctor': [
    'src/config.ts',
    'src/data-folder.ts',
    'src/executors/*.ts',
    'src/executors/local',
    'src/shared',
  ],
};
/** What all of the domain may use: contracts of the mechanisms, never a concrete one, and the database. */
const DOMAIN = [
  'src/shared',
  'src/errors.ts',
  'src/lifecycle',
  'src/db',
  'src/executors/executor.ts',
  'src/logs/log-store.ts',
  'type:src/config.ts',
  'type:src/context.ts',
];

interface Import {
  target: string;
  typeOnly: boolean;
}

function importsOf(path: string): Import[] {
  const text = read(path);
  const found: Import[] = [];
  for (const [, kind, names, from] of text.matchAll(
    /^(?:import|export)\s+(type\s+)?([^;'"]*?\s+from\s+)?'([^']+)'/gm,
  )) {
    const inBraces = /\{([\s\S]*)\}/.exec(names ?? '')?.[1]?.split(',') ?? ['*'];
    const allTypes = inBraces.every(isType);
    found.push({ target: resolve(path, from!), typeOnly: kind !== undefined || allTypes });
  }
  for (const [, from] of text.matchAll(/\bimport\('([^']+)'\)/g)) {
    found.push({ target: resolve(path, from!), typeOnly: false });
  }
  return found;
}

/** A name in the braces of an import; after a trailing comma there is none. */
const isType = (name: string): boolean => name.trim() === '' || name.trim().startsWith('type ');

const resolve = (from: string, target: string): string =>
  target.startsWith('.') ? normalize(join(dirname(from), target)) : target;

/** Whether `path` is the part or lies in it; `folder/*.ts` is only what lies directly in the folder. */
function isIn(path: string, part: string): boolean {
  if (part.endsWith('/*.ts')) return dirname(path) === dirname(part);
  return path === part || path.startsWith(`${part}/`);
}

function entryOf(path: string): [part: string, allowed: string[]] | undefined {
  return Object.entries(MAY_IMPORT)
    .filter(([part]) => isIn(path, part))
    .sort(([a], [b]) => b.length - a.length)[0];
}

function mayImport(path: string, { target, typeOnly }: Import): boolean {
  const [part, listed] = entryOf(path)!;
  const allowed = listed.flatMap((one) => (one === 'DOMAIN' ? DOMAIN : [one]));
  return [part, ...allowed].some((one) =>
    one.startsWith('type:') ? typeOnly && isIn(target, one.slice('type:'.length)) : isIn(target, one),
  );
}

describe('imports', () => {
  test('every file of src belongs to a part that the table names', () => {
    expect(sources.filter((path) => entryOf(path) === undefined)).toEqual([]);
  });

  test('every part imports only what the table allows', () => {
    const wrong = sources.flatMap((path) =>
      importsOf(path)
        .filter(({ target }) => target.startsWith('src/'))
        .filter((one) => !mayImport(path, one))
        .map(({ target, typeOnly }) => `${path} imports ${target}${typeOnly ? ' (types)' : ''}`),
    );
    expect(wrong).toEqual([]);
  });

  test('nothing of src reaches outside of src, except the contract', () => {
    const wrong = sources.flatMap((path) =>
      importsOf(path)
        .filter(({ target }) => !target.startsWith('src/') && /^[./]|^(test|scripts|examples)\//.test(target))
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('the lifecycle is pure: it imports nothing at all', () => {
    const wrong = sources
      .filter((path) => isIn(path, 'src/lifecycle'))
      .filter((path) => importsOf(path).some(({ target }) => !isIn(target, 'src/lifecycle')));
    expect(wrong).toEqual([]);
  });

  test('the server is loaded by `errand serve` alone', () => {
    const loaders = sources.filter((path) =>
      importsOf(path).some(({ target }) => target === 'src/server.ts'),
    );
    expect(loaders).toEqual(['src/cli/commands/serve.ts']);
    expect(read('src/cli/commands/serve.ts')).toContain("await import('../../server.ts')");
  });
});

/** Files of src in which the pattern occurs. */
const holding = (pattern: RegExp, among: string[] = sources): string[] =>
  among.filter((path) => pattern.test(read(path)));

describe('single places', () => {
  test("a job's row is updated in one file", () => {
    expect(holding(/updateTable\(\s*'jobs'|update\s+jobs\s+set/i)).toEqual(['src/db/queries/jobs.ts']);
  });

  test("a deploy's row is updated in one file", () => {
    expect(holding(/updateTable\(\s*'deploys'|update\s+deploys\s+set/i)).toEqual([
      'src/db/queries/deploys.ts',
    ]);
  });

  test('processes are started by the executors, by git, to ask systemd, to copy and remove trees, to give room back, and to watch a pipe', () => {
    const allowed = [
      'src/builds/git.ts',
      'src/executors/host-stop.ts',
      'src/executors/local/launcher.ts',
      'src/executors/local/port-guard.ts',
      'src/executors/local/runtime.ts',
      'src/executors/process/executor.ts',
      'src/executors/process/supervisor.ts',
      'src/logs/output-limit.ts',
      'src/cli/pipe-reader.ts',
      'src/safekeeping/copy-tree.ts',
      'src/shared/programs.ts',
    ];
    expect(holding(/node:child_process/).filter((path) => !allowed.includes(path))).toEqual([]);
  });

  test('the environment is read by the configuration and the command line; executors look for programs by PATH', () => {
    const wrong = sources
      .filter((path) => !isIn(path, 'src/cli') && path !== 'src/config.ts')
      .filter((path) => /process\.env/.test(read(path).replaceAll(/process\.env\['PATH'\]/g, '')));
    expect(wrong).toEqual([]);
    const usesPath = holding(/process\.env\['PATH'\]/).filter((path) => !isIn(path, 'src/executors'));
    expect(usesPath.filter((path) => path !== 'src/builds/git.ts')).toEqual([]);
  });

  test('SQL lives with the database', () => {
    const wrong = holding(/\.(selectFrom|insertInto|updateTable|deleteFrom)\(/);
    expect(wrong.filter((path) => !isIn(path, 'src/db'))).toEqual([]);
  });
});

describe('files', () => {
  const written = [...sources, ...filesBelow('test'), ...filesBelow('scripts')].filter(
    (path) => path.endsWith('.ts') && !GENERATED.includes(path),
  );

  test('no file has more than 450 lines: split it by what it is about', () => {
    const long = written.filter((path) => read(path).split('\n').length > 450);
    expect(long).toEqual([]);
  });

  test('files are named after what they are about', () => {
    const vague = written.filter((path) =>
      /(^|\/|-)(utils?|helpers?|common|misc|manager|lib)\.ts$/.test(path),
    );
    expect(vague).toEqual([]);
  });

  test('no test is left out and nothing is put off', () => {
    const putOff = new RegExp(['TO', 'DO\\b|FIX', 'ME\\b'].join(''));
    expect(holding(putOff, written)).toEqual([]);
    const leftOut = new RegExp(`\\.(${['on', 'ly|sk', 'ip|to', 'do'].join('')})\\(`);
    expect(
      holding(
        leftOut,
        written.filter((path) => path.startsWith('test/')),
      ),
    ).toEqual([]);
  });

  test('generated files are current; `npm run generate` makes them so', () => {
    execFileSync(process.execPath, [join(ROOT, 'scripts/generate.ts'), '--check'], { stdio: 'pipe' });
  });

  // `npm ci` refuses a lock file without them, and npm leaves out those that it could not look up when it wrote it.
  test('the lock file lists the optional packages of every platform', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const named = Object.values(packages).flatMap((one) => Object.keys(one.optionalDependencies ?? {}));
    const missing = named.filter(
      (name) => !Object.keys(packages).some((key) => key.endsWith(`node_modules/${name}`)),
    );
    expect(missing).toEqual([]);
  });
});
