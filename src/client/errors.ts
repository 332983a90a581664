/** What a call can fail with. Both messages are written for the person at the terminal. */

/** The server answered with an error. */
export class ApiError extends Error {
  readonly status: number;
  /** The catalogue's code, where the server sent one. */
  readonly code: string | undefined;
  /** For support: the server's log has the request under this id. */
  readonly requestId: string | undefined;

  constructor(status: number, message: string, details: { code?: string; requestId?: string } = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = details.code;
    this.requestId = details.requestId;
  }
}

/** No answer came: nothing listens, the name is unknown, the connection broke or it took too long. */
export class ConnectionError extends Error {
  constructor(root: string, cause: unknown) {
    super(`no answer from ${root}: ${connectionProblem(cause)}`, { cause });
    this.name = 'ConnectionError';
  }
}

/** One sentence on what went wrong and what to check. */
function connectionProblem(error: unknown): string {
  const code = errorCode(error);
  switch (code) {
    case 'ECONNREFUSED':
      return 'the connection was refused. Is the server running (`errand serve`), and is ERRAND_HOST its address?';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name is not known here. Check the host in ERRAND_HOST.';
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'the connection broke. The server may have stopped, or the address is https and the server speaks http (or the other way round).';
    case 'TimeoutError':
      return 'it took too long.';
    default:
      return `${deepestMessage(error)}${code ? ` (${code})` : ''}`;
  }
}

/** Global fetch hides the reason in the cause of its error. */
function errorCode(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    if (typeof code === 'string') return code;
    if (at.name === 'TimeoutError') return at.name;
  }
  return undefined;
}

function deepestMessage(error: unknown): string {
  let message = String(error);
  for (let at: unknown = error; at instanceof Error; at = at.cause) message = at.message || message;
  return message;
}
