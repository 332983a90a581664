/** The tests of executors, jobs and the whole, run in the machine. */
import { type Machine, quoted } from '../machine.ts';

const FOLDERS = ['test/executors', 'test/jobs', 'test/e2e'];
const WITHIN_MS = 6 * 3600_000;
/** By how much emulation is slower than what the tests' limits are made for. */
const SLOWNESS = 15;

export interface TestResult {
  name: string;
  status: 'passed' | 'failed' | 'skipped';
  seconds: number;
  /** What a failed test said. */
  message: string;
}

/** Of a JSON report of vitest. */
interface Report {
  testResults: {
    name: string;
    message: string;
    status: string;
    assertionResults: { fullName: string; status: string; duration?: number; failureMessages: string[] }[];
  }[];
}

/** Stops the installed service first: the tests have the machine to themselves. */
export async function runAllTests(machine: Machine, handOn: (text: string) => void): Promise<TestResult[]> {
  await machine.output(
    'systemctl stop errand && cd /opt/errand && script/install-dependencies --tests',
    1200_000,
  );
  const command = `cd /opt/errand && ERRAND_TEST_SLOWNESS=${SLOWNESS} PATH=$PWD/node_modules/.bin:$PATH \
    npx --no-install vitest run --reporter=verbose --reporter=json --outputFile.json=/var/tmp/report.json ${FOLDERS.join(' ')}`;
  await machine.run(`bash -c ${quoted(command)} < /dev/null 2>&1`, WITHIN_MS, handOn);
  const { testResults } = JSON.parse(await machine.output('cat /var/tmp/report.json')) as Report;
  return testResults.flatMap(({ name: file, message, status, assertionResults }) => {
    const path = file.replace('/opt/errand/', '');
    // A file that does not load has no tests.
    if (assertionResults.length === 0 && status === 'failed') {
      return [{ name: path, status: 'failed' as const, seconds: 0, message }];
    }
    return assertionResults.map((one) => ({
      name: `${path}: ${one.fullName}`,
      status: one.status === 'passed' || one.status === 'failed' ? one.status : ('skipped' as const),
      seconds: (one.duration ?? 0) / 1000,
      message: one.failureMessages.join('\n'),
    }));
  });
}
