/** The full form of image names, as container registries read them. */
import { invalid, quote } from '../errors.ts';

/**
 * `nginx` → `docker.io/library/nginx:latest`.
 * @throws `invalidRequest` when the text is no image reference
 */
export function fullImageReference(text: string): string {
  const match =
    /^((?:[a-z0-9](?:[\w.-]*[a-z0-9])?(?::\d+)?\/)?(?:[a-z0-9]+(?:[._-]+[a-z0-9]+)*\/)*[a-z0-9]+(?:[._-]+[a-z0-9]+)*)(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/i.exec(
      text.replace(/^https?:\/\//, ''),
    );
  if (!match || text.length > 512) {
    throw invalid(`image must be a reference such as docker.io/library/nginx:latest, got ${quote(text)}`);
  }
  const [, path = '', tag, digest] = match;
  return `${withRegistry(path)}${tag ?? (digest ? '' : ':latest')}${digest ?? ''}`;
}

function withRegistry(path: string): string {
  const first = path.split('/')[0]!;
  const hasRegistry = path.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  if (hasRegistry) return path;
  return path.includes('/') ? `docker.io/${path}` : `docker.io/library/${path}`;
}
