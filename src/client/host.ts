/** Where a server is, from what people write: with or without scheme, with or without the API's base path. */

/** Hosts of this machine are reached in plain text; all others must ask for that by writing `http://`. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?($|\/)/i;

/** Whether a host, with or without a port, is this machine. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/**
 * The root of a server, without the base path and without a slash at the end.
 * @param text such as `127.0.0.1:8080`, `http://127.0.0.1:8080/` or `https://errand.example/v1/`
 * @throws Error naming the text when it is not an address
 */
export function serverRoot(text: string): string {
  const given = text.trim();
  const withScheme = given.includes('://') ? given : `${LOOPBACK.test(given) ? 'http' : 'https'}://${given}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch (error) {
    throw new Error(`"${text}" is not the address of a server; write one such as http://127.0.0.1:8080`, {
      cause: error,
    });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`the server's address must begin with http:// or https://, got "${text}"`);
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return `${url.origin}${path}`;
}
