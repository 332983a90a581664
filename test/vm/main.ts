/** Boots a stock Debian, installs Errand in it, and holds it to what must be so there. See README.md. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packCheckout } from './checkout.ts';
import { InstalledErrand } from './errand.ts';
import { Machine, type MachineOptions } from './machine.ts';
import type { World } from './scenario.ts';
import { runAllTests } from './scenarios/all-tests.ts';
import { installation, tours } from './scenarios/installation.ts';
import { limits } from './scenarios/limits.ts';
import { stops } from './scenarios/stops.ts';
import { traces } from './scenarios/traces.ts';

const USAGE = `script/test-vm [--suite bookworm|trixie] [--cgroups unified|hybrid] [--full] [--keep] [TEST...]

Runs Errand in a virtual machine with a stock Debian, in software emulation. TEST: a part of a scenario's name.

  --suite NAME    Debian's release: bookworm (unless given) or trixie
  --cgroups KIND  unified (unless given), or hybrid: control groups of version 1 beside those of version 2
  --full          all tests of executors, jobs and the whole in the machine, after the installation; takes hours
  --keep          leaves the machine running and says how to enter it; Ctrl-C ends it`;

const MEMORY_MB = 3072;

const scenarios = [...installation, ...tours, ...limits, ...traces, ...stops];
const counts = { passed: 0, failed: 0, skipped: 0 };

function print(status: keyof typeof counts, name: string, seconds: number, message = ''): void {
  counts[status] += 1;
  const mark = { passed: 'ok    ', failed: 'FAILED', skipped: 'left  ' }[status];
  console.log(`${mark} ${seconds.toFixed(1).padStart(7)} s  ${name}`);
  if (message) console.log(message.replaceAll(/^/gm, '       | '));
}

interface Options {
  suite: string;
  cgroups: MachineOptions['cgroups'];
  full: boolean;
  keep: boolean;
  wanted: string[];
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      suite: { type: 'string', default: 'bookworm' },
      cgroups: { type: 'string', default: 'unified' },
      full: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { suite, cgroups } = values;
  if (suite !== 'bookworm' && suite !== 'trixie') {
    throw new Error(`--suite must be bookworm or trixie, got "${suite}"`);
  }
  if (cgroups !== 'unified' && cgroups !== 'hybrid') {
    throw new Error(`--cgroups must be unified or hybrid, got "${cgroups}"`);
  }
  if (cgroups === 'hybrid' && suite !== 'bookworm') {
    throw new Error('--cgroups hybrid needs --suite bookworm: systemd of later releases has it no more');
  }
  for (const text of positionals) {
    if (!scenarios.some(({ name }) => name.includes(text)))
      throw new Error(`no scenario's name has "${text}"`);
  }
  return { suite, cgroups, full: values.full, keep: values.keep, wanted: positionals };
}

/** Outside of the checkout: images are kept from run to run. */
const cache =
  process.env['ERRAND_TEST_CACHE'] ||
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'errand-test');

/** A folder for the files of this run; what runs that were killed have left goes first. */
function runFolder(): string {
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const owner = /^run-(\d+)-/.exec(name)?.[1];
    if (owner && !isAlive(Number(owner))) rmSync(join(cache, name), { recursive: true, force: true });
  }
  return mkdtempSync(join(cache, `run-${process.pid}-`));
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

async function runScenarios(world: World, { wanted, full }: Options): Promise<void> {
  let broken = '';
  for (const { name, isFoundation, run } of scenarios) {
    const isWanted = full ? isFoundation : wanted.length === 0 || wanted.some((text) => name.includes(text));
    if (!isFoundation && !isWanted) continue;
    if (broken) {
      print('skipped', name, 0, `needs: ${broken}`);
      continue;
    }
    const began = performance.now();
    const cpu = world.machine.cpuSeconds();
    const seconds = (): number => (performance.now() - began) / 1000;
    try {
      await run(world);
      print('passed', `${name} [${(world.machine.cpuSeconds() - cpu).toFixed(1)} s of CPU]`, seconds());
    } catch (error) {
      const log = await world.machine
        .run('journalctl -u errand --no-pager -o cat | tail -n 25')
        .catch(() => undefined);
      print(
        'failed',
        name,
        seconds(),
        `${(error as Error).stack}\nthe server's log ends with\n${log?.stdout ?? ''}`,
      );
      if (isFoundation) broken = name;
    }
  }
  if (!full) return;
  if (broken) return print('skipped', 'all tests in the machine', 0, `needs: ${broken}`);
  const results = await runAllTests(world.machine, (text) => process.stdout.write(text));
  console.log('\nThe tests that were run in the machine:');
  for (const { status, name, seconds, message } of results) print(status, name, seconds, message);
}

async function main(): Promise<void> {
  const options = readOptions();
  const folder = runFolder();
  let machine: Machine | undefined;
  const leave = (): void => {
    machine?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', leave);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => process.exit(code));
  }

  const began = performance.now();
  const image = execFileSync(
    join(import.meta.dirname, 'build-image'),
    [options.suite, process.execPath, cache],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  ).trim();
  const checkout = join(folder, 'checkout.tar');
  packCheckout(checkout, options.full);
  console.log(`Debian ${options.suite}, control groups ${options.cgroups}; the image is ${image}`);
  machine = new Machine({ image, checkout, folder, cgroups: options.cgroups, memory: MEMORY_MB });
  await machine.boot();
  console.log(`the machine is up after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  const world: World = { machine, errand: new InstalledErrand(machine), cgroups: options.cgroups };
  await runScenarios(world, options);
  if (options.keep) {
    console.log(`The machine stays until Ctrl-C: ${machine.entrance()}`);
    await new Promise(() => setInterval(() => undefined, 60_000));
  }
}

await main().catch((error: Error) => {
  console.error(error.message);
  counts.failed += 1;
});
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 ? 0 : 1);
