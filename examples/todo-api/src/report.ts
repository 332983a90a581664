/** How many to-dos are open and which are due first: `npm run report`. */
import { connect } from './database.js';

const pool = connect();
try {
  const counts = await pool.query<{ open: string; done: string }>(
    'SELECT count(*) FILTER (WHERE NOT done) AS open, count(*) FILTER (WHERE done) AS done FROM todos',
  );
  console.log(`open ${counts.rows[0]?.open}, done ${counts.rows[0]?.done}`);
  const next = await pool.query<{ title: string; due: string }>(
    `SELECT title, to_char(due_on, 'YYYY-MM-DD') AS due FROM todos
     WHERE NOT done AND due_on IS NOT NULL ORDER BY due_on, id LIMIT 5`,
  );
  for (const { title, due } of next.rows) console.log(`${due}  ${title}`);
} finally {
  await pool.end();
}
