/** What a request says about a service, and the columns that come of it. Shared by creating and updating one. */
import type { Config } from '../config.ts';
import type { ServicesTable } from '../db/schema.ts';
import { invalid } from '../errors.ts';
import type { Vault } from '../shared/vault.ts';
import { fullImageReference } from './image-reference.ts';
import { parseRepository } from './repository.ts';
import { requireAccess } from './repository-access.ts';
import { forgetCredential, setCredential } from './repository-credential.ts';
import { type GivenDetails, isNativeRuntime } from './service-details.ts';
import { checkBranch, checkRootDir } from './service-rules.ts';

/** Globs of files below the repository's root whose changes deploy, or do not. */
export interface BuildFilter {
  paths: string[];
  ignoredPaths: string[];
}

/** Fields that creating and updating have in common; absent means: not given. */
export interface ServiceFields {
  name?: string | undefined;
  repo?: string | undefined;
  branch?: string | undefined;
  rootDir?: string | undefined;
  image?: { imagePath: string; ownerId: string; registryCredentialId?: string } | undefined;
  autoDeploy?: string | undefined;
  autoDeployTrigger?: string | undefined;
  buildFilter?: BuildFilter | undefined;
  artifactSourceId?: string | undefined;
  maskSecrets?: boolean | undefined;
  serviceDetails?: GivenDetails | undefined;
}

/** The JSON of the `extra` column: what Errand records and returns, and the sealed credential of the repository. */
export interface ServiceExtra {
  autoDeploy: 'yes' | 'no';
  autoDeployTrigger: 'commit' | 'off' | 'checksPass';
  notifyOnFail: 'default' | 'notify' | 'ignore';
  buildFilter?: BuildFilter;
  artifactSourceId?: string;
  /** Whether secrets are hidden in output: where it is read and forwarded, or in neither; unset, where it is forwarded. */
  maskSecrets?: boolean;
  repoCredentialSealed?: string;
  /** The private key for an ssh address, sealed. */
  repoKeySealed?: string;
  /** How the host of the repository proves itself over ssh: lines as in `known_hosts`. */
  repoKnownHosts?: string;
  /** Whether those lines were given; else they are what the host showed at the first fetch. */
  repoKnownHostsGiven?: boolean;
}

/** The JSON of the `image` column. */
export interface ServiceImage {
  imagePath: string;
  ownerId?: string;
  registryCredentialId?: string;
}

export const NEW_EXTRA: ServiceExtra = {
  autoDeploy: 'yes',
  autoDeployTrigger: 'commit',
  notifyOnFail: 'default',
};

/** The extra fields of a stored service, with defaults for those that it has not. */
export function extraOf(service: Pick<ServicesTable, 'extra'>): ServiceExtra {
  return { ...NEW_EXTRA, ...JSON.parse(service.extra) };
}

type RepositoryConfig = Pick<Config, 'dataDir' | 'repositories' | 'destinations'>;

/** What the other columns and the extra fields become. The name under which a credential is sealed never changes. */
export function sourceColumns(
  context: { config: RepositoryConfig; vault: Vault },
  current: Pick<ServicesTable, 'id' | 'repo' | 'branch' | 'root_dir' | 'image' | 'extra'>,
  given: ServiceFields,
): Pick<ServicesTable, 'repo' | 'branch' | 'root_dir' | 'image' | 'extra'> {
  const extra: ServiceExtra = { ...extraOf(current), ...autoDeployFields(given) };
  if (given.buildFilter) {
    // Clients without a filter send an empty one, and expect none back.
    if (given.buildFilter.paths.length + given.buildFilter.ignoredPaths.length === 0)
      delete extra.buildFilter;
    else extra.buildFilter = given.buildFilter;
  }
  if (given.artifactSourceId) extra.artifactSourceId = given.artifactSourceId;
  if (given.maskSecrets !== undefined) extra.maskSecrets = given.maskSecrets;
  let { repo, branch, image } = current;
  // Clients send '' for what they have no value for.
  if (given.repo) repo = readRepo(context, current, given.repo, extra);
  if (given.branch) {
    checkBranch(given.branch);
    branch = given.branch;
  }
  if (given.image) {
    image = JSON.stringify({
      ...given.image,
      imagePath: fullImageReference(given.image.imagePath),
    } satisfies ServiceImage);
  }
  if (given.rootDir !== undefined) checkRootDir(given.rootDir);
  // As it was given: clients that keep a state compare it with what they sent.
  const root_dir = given.rootDir ?? current.root_dir;
  return { repo, branch, image, root_dir, extra: JSON.stringify(extra) };
}

/** One switch with two faces: the older field tells of the newer one and the other way round. */
function autoDeployFields(given: ServiceFields): Partial<ServiceExtra> {
  if (given.autoDeployTrigger) {
    const autoDeployTrigger = given.autoDeployTrigger as ServiceExtra['autoDeployTrigger'];
    return { autoDeployTrigger, autoDeploy: autoDeployTrigger === 'off' ? 'no' : 'yes' };
  }
  if (given.autoDeploy === 'no') return { autoDeploy: 'no', autoDeployTrigger: 'off' };
  if (given.autoDeploy === 'yes') return { autoDeploy: 'yes', autoDeployTrigger: 'commit' };
  return {};
}

function readRepo(
  context: { config: RepositoryConfig; vault: Vault },
  current: Pick<ServicesTable, 'id' | 'repo'>,
  text: string,
  extra: ServiceExtra,
): string {
  const { config, vault } = context;
  const { url, credential } = parseRepository(text, config.repositories.localFolders.length > 0);
  // The same address without its credential is what an answer showed: a client that sends it back changes nothing.
  if (url !== current.repo) {
    requireAccess(config, url);
    // What opens one repository is not shown to the host of another.
    forgetCredential(extra);
  }
  if (credential) setCredential(vault, current.id, extra, { kind: 'token', userAndPassword: credential });
  return url;
}

/** @throws `invalidRequest` when the service has nothing to deploy from */
export function requireSource(service: Pick<ServicesTable, 'runtime' | 'repo' | 'image'>): void {
  if (service.runtime === 'image') {
    if (!service.image) throw invalid('image is required for a service with runtime "image"');
  } else if (!service.repo) {
    const kind = isNativeRuntime(service.runtime)
      ? 'a service built from source'
      : 'a service with runtime "docker"';
    throw invalid(`repo is required for ${kind}; https://host/path, ssh://host/path or git@host:path`);
  }
}
