/**
 * Time limits of tests on a machine that is slower than those that the limits are made for, such as an emulated one:
 * ERRAND_TEST_SLOWNESS says by how much, 1 unless set. It makes limits longer and leaves every check as it is.
 */
const text = process.env['ERRAND_TEST_SLOWNESS'] || '1';
const slowness = Number(text);
if (!(slowness >= 1)) throw new Error(`ERRAND_TEST_SLOWNESS must be a number from 1 on, got "${text}"`);

/** The limit on this machine, in milliseconds, for what takes at most `ms` on a usual one. */
export const patient = (ms: number): number => Math.round(ms * slowness);
