/** `errand install-service`: makes the server a service of this machine's systemd. */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import type { Config, ServeFlags } from '../../config.ts';
import { command, examples } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { print, say } from '../output.ts';
import { withServeFlags } from '../serve-flags.ts';
import { CommandError } from '../session.ts';
import { quoteWord } from '../shell-words.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const DATA_FOLDER = '/var/lib/errand';

interface Options extends ServeFlags {
  name: string;
  unitFolder: string;
  environmentFile?: string;
  output?: string;
  force?: boolean;
}

export function installServiceCommand(): Command {
  return withServeFlags(
    command(
      'install-service',
      "make the server a service of this machine's systemd, with the settings given",
    ),
  )
    .option('--name <name>', 'of the unit', 'errand')
    .option('--unit-folder <folder>', 'where units go', '/etc/systemd/system')
    .option('--environment-file <file>', 'secrets of the server (default: /etc/errand/environment)')
    .option('--output <file>', 'write the unit there and do nothing else; - is standard output')
    .option('--force', 'replace units that differ')
    .addHelpText(
      'after',
      `${examples('install-service', 'install-service --data-dir /srv/errand --max-memory 8GB', 'install-service --output -')}\n
The data folder is ${DATA_FOLDER} unless --data-dir or ERRAND_DATA_DIR names another. ERRAND_ADMIN_API_KEY and
ERRAND_MASTER_KEY go from the environment into the file of secrets, which is made with a random admin key otherwise;
one that is there is left as it is. Run again, it changes nothing; with other settings it shows what differs.`,
    )
    .action(installService);
}

async function installService(options: Options): Promise<void> {
  const { name, unitFolder, environmentFile, output, force, ...flags } = options;
  const config = await settings(flags);
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 60) {
    throw new UsageError(
      `--name must be small letters, digits and single hyphens, such as errand-staging, got "${name}"`,
    );
  }
  const { environmentText, serviceUnit, sliceUnit } = await import('../../systemd/unit.ts');
  const secrets = resolve(
    environmentFile ?? (name === 'errand' ? '/etc/errand/environment' : `/etc/errand/${name}.environment`),
  );
  const service = serviceUnit({
    name,
    script: join(ROOT, 'script/errand'),
    dataDir: config.dataDir,
    arguments: serveArguments(flags, config),
    environmentFile: secrets,
  });
  if (output === '-') return print(service.trimEnd());
  const { DifferentFilesError, hasSystemd, putFiles, putSecretFile, reloadSystemd } = await import(
    '../../systemd/install.ts'
  );
  const put = (files: { path: string; text: string }[]) => {
    try {
      return putFiles(files, force ?? false);
    } catch (error) {
      if (error instanceof DifferentFilesError) {
        throw new CommandError(`${error.message}\n--force replaces it; nothing was changed`);
      }
      throw error;
    }
  };
  if (output !== undefined) {
    for (const { path, fate } of put([{ path: resolve(output), text: service }]))
      await print(`${path} ${fate}`);
    return;
  }
  if (process.getuid?.() !== 0) throw new CommandError('a service is installed by root: use sudo');
  if (!hasSystemd()) {
    throw new CommandError(
      'systemd does not run this machine: have its own init start `errand serve`; --output shows the unit as a model',
    );
  }
  const units = [
    { path: join(unitFolder, `${name}.slice`), text: sliceUnit(name) },
    { path: join(unitFolder, `${name}.service`), text: service },
  ];
  const fates = put(units);
  const text = environmentText({
    adminApiKey: config.adminApiKey ?? `erk_${randomBytes(32).toString('base64url')}`,
    ...(config.masterKey ? { masterKey: config.masterKey } : {}),
  });
  fates.push({ path: secrets, fate: putSecretFile(secrets, text) });
  for (const { path, fate } of fates) await print(`${path} ${fate}`);
  warnOfOwner();
  reloadSystemd();
  await print(nextSteps(name, secrets, config));
}

async function settings(flags: ServeFlags): Promise<Config> {
  const { ConfigError, readConfig } = await import('../../config.ts');
  try {
    const dataDir = flags.dataDir ?? process.env['ERRAND_DATA_DIR'] ?? DATA_FOLDER;
    return readConfig({ ...flags, dataDir }, process.env);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

/** The flags as they were given, with paths that hold from any folder. */
export function serveArguments(flags: ServeFlags, { dataDir, logStreamCa }: Config): string[] {
  const given: Record<string, string | boolean | string[] | undefined> = { ...flags, dataDir };
  if (logStreamCa !== undefined) given['logStreamCa'] = logStreamCa;
  if (flags.gitCa !== undefined) given['gitCa'] = resolve(flags.gitCa);
  if (Array.isArray(flags.allowLocalRepos)) {
    given['allowLocalRepos'] = flags.allowLocalRepos.map((folder) => resolve(folder));
  }
  return withServeFlags(new Command()).options.flatMap((option) => {
    const value = given[option.attributeName()];
    // A flag that begins with `no-` is given when its setting is false.
    if (typeof value === 'boolean') return value === option.negate ? [] : [option.long!];
    // One word each: a value may begin with a hyphen.
    return [value ?? []].flat().map((one) => `${option.long}=${one}`);
  });
}

/** Who may change what root runs is root. */
function warnOfOwner(): void {
  const owned = [ROOT, join(ROOT, 'script'), join(ROOT, 'src')].find((folder) => statSync(folder).uid !== 0);
  if (owned === undefined) return;
  say(`errand: ${owned} belongs to another user, who can become root by it: chown -R root: ${ROOT}`);
}

function nextSteps(name: string, secrets: string, { host, port, dataDir }: Config): string {
  const script = join(ROOT, 'script/errand');
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return `
Start it now and at each boot (restart instead of enable where it runs already; jobs go on):
  systemctl enable --now ${name}
Look at what it says, and at what it needs:
  journalctl -u ${name} -n 20
  ${script} doctor --data-dir ${quoteWord(dataDir)} --port ${port}
Its admin key is in ${secrets}, readable by root:
  export ERRAND_HOST=${address} ERRAND_API_KEY=$(. ${quoteWord(secrets)}; echo "$ERRAND_ADMIN_API_KEY")
  ${script} services list
More: ${join(ROOT, 'docs/operating.md')}`;
}
