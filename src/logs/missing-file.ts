/** For `catch`: a file that is not there is undefined, any other failure stays one. */
export function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
