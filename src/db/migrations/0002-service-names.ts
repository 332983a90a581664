/** A name leads to one service of its workspace: people and the command line use it in place of the id. */
export const serviceNames = `
CREATE UNIQUE INDEX services_unique_name ON services (workspace_id, name) WHERE deleted_at IS NULL;
`;
