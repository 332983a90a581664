/** The contract's `registryCredential`: never its token. */
import type { RegistryCredential } from '../../services/registry-credentials.ts';
import type {
  RegistryCredential as ContractRegistryCredential,
  RegistryCredentialRegistry,
} from '../contract-types.ts';

export function presentRegistryCredential(credential: RegistryCredential): ContractRegistryCredential {
  return {
    id: credential.id,
    name: credential.name,
    registry: credential.registry as RegistryCredentialRegistry,
    username: credential.username,
    updatedAt: credential.updated_at,
  };
}
