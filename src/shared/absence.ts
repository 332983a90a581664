/**
 * What an error says of the thing that was looked at. Only two say that it is gone. Any other, a shortage of
 * descriptors above all, says nothing of it: who looked must look again, and may not conclude from it.
 */

const ABSENT = ['ENOENT', 'ESRCH'];
/** What passes by itself, or with somebody else's help. */
const SHORTAGES = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOSPC', 'EDQUOT'];

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | undefined)?.code ?? '';

/** Whether an error proves that a file or a process is not there. */
export const isAbsence = (error: unknown): boolean => ABSENT.includes(codeOf(error));

/** Whether an error is about what the host or this process has too little of. */
export const isShortage = (error: unknown): boolean => SHORTAGES.includes(codeOf(error));

/**
 * What `look` finds; undefined when it finds that the thing is gone.
 * @throws any other error of `look`
 */
export function unlessAbsent<Found>(look: () => Found): Found | undefined {
  try {
    return look();
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** As a handler of a promise: nothing where the thing is gone. @throws any other error */
export function nothingIfAbsent(error: unknown): undefined {
  if (!isAbsence(error)) throw error;
}
