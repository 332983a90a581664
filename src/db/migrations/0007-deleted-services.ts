/** Asked often: whether a service was deleted since the last look. */
export const deletedServices = `
CREATE INDEX services_deleted ON services (deleted_at) WHERE deleted_at IS NOT NULL;
`;
