/** Makes docs/lifecycle.md from the tables of transitions: what the code does not allow is not in the picture. */
import { DEPLOY_ACTIVE, DEPLOY_STATUSES, DEPLOY_TRANSITIONS } from '../src/lifecycle/deploy.ts';
import { PHASES, publicStatus, TERMINAL, TRANSITIONS } from '../src/lifecycle/job.ts';

type Table = Readonly<Record<string, Partial<Record<string, string>>>>;

/** The whole page. */
export function lifecyclePage(): string {
  return `# Lifecycles

Made from \`src/lifecycle/job.ts\` and \`src/lifecycle/deploy.ts\` by \`npm run generate\`. An event that leaves a state by no
arrow is refused there; a final state has none. One function for each of the two writes the state, with the event's row
in the same transaction: \`src/db/queries/jobs.ts\` and \`src/db/queries/deploys.ts\`. What a crash leaves at each point
is in [recovery.md](recovery.md).

## Jobs

${diagram('pending', TRANSITIONS, TERMINAL)}

${table(['phase, as stored', 'status, as the API shows it'], statuses())}

\`starting\` shows as \`pending\`: the command has not started as far as anybody knows. \`stopping\` shows as \`running\`: a
cancel or a timeout is stored as the cause of ending and the command may still run. The first cause that is stored is
the one that the job ends with.

## Deploys

${diagram('queued', DEPLOY_TRANSITIONS, finalDeploys())}

Work is still to do in ${DEPLOY_ACTIVE.map((status) => `\`${status}\``).join(' and ')}. A deploy that is \`live\` is left only when another takes its place.
`;
}

const statuses = (): string[][] => PHASES.map((phase) => [`\`${phase}\``, `\`${publicStatus(phase)}\``]);

/** As the formatter writes it. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (cells: string[], fill: string): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!, fill)).join(' | ')} |`;
  return [
    line(head, ' '),
    line(
      head.map(() => ''),
      '-',
    ),
    ...rows.map((row) => line(row, ' ')),
  ].join('\n');
}

const finalDeploys = (): string[] =>
  DEPLOY_STATUSES.filter((status) => Object.keys(DEPLOY_TRANSITIONS[status]).length === 0);

function diagram(first: string, table: Table, final: readonly string[]): string {
  const arrows = Object.entries(table).flatMap(([from, events]) =>
    Object.entries(events).map(([event, to]) => `  ${from} --> ${to}: ${event}`),
  );
  return [
    '```mermaid',
    'stateDiagram-v2',
    `  [*] --> ${first}: create`,
    ...arrows,
    ...final.map((state) => `  ${state} --> [*]`),
    '```',
  ].join('\n');
}
