/** Which executor started a job or a build: another one can neither follow nor judge it. */
export const engines = `
ALTER TABLE jobs ADD COLUMN engine TEXT;
ALTER TABLE deploys ADD COLUMN engine TEXT;
`;
