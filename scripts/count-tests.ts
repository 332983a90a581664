/**
 * Prints `passed failed skipped` of a vitest JSON report. A run that ended badly without a failed test (a file that
 * does not load, an error outside of a test) or that has no test at all counts as one failure.
 *
 * Usage: count-tests.ts REPORT EXIT_CODE_OF_VITEST
 */
import { readFileSync } from 'node:fs';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
}

const [file, exitCode] = process.argv.slice(2);
let report: Report = {
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
};
try {
  report = JSON.parse(readFileSync(file!, 'utf8'));
} catch {
  // No report: the exit code below makes it a failure.
}
const { numPassedTests: passed, numFailedTests, numPendingTests, numTodoTests, testResults } = report;
const broken = testResults.filter(
  (one) => one.status === 'failed' && one.assertionResults.length === 0,
).length;
let failed = numFailedTests + broken;
if (failed === 0 && (exitCode !== '0' || passed === 0)) failed = 1;
console.log(passed, failed, numPendingTests + numTodoTests);
