import type { Workspace } from '../../services/workspaces.ts';
import type { Owner } from '../contract-types.ts';

/** The contract's `owner`: a workspace. */
export function presentOwner(workspace: Workspace): Owner {
  return { id: workspace.id, name: workspace.name, email: workspace.email, type: 'team' };
}
