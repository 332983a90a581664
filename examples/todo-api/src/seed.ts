/** Puts a few to-dos into an empty database: `npm run seed`. */
import { connect } from './database.js';

const titles = ['Write the release notes', 'Rotate the signing key', 'Reply to the auditors'];

const pool = connect();
try {
  const { rowCount } = await pool.query(
    `INSERT INTO todos (title, due_on)
     SELECT title, current_date + day::int FROM unnest($1::text[]) WITH ORDINALITY AS given (title, day)
     WHERE NOT EXISTS (SELECT FROM todos)`,
    [titles],
  );
  console.log(`${rowCount} to-dos added`);
} finally {
  await pool.end();
}
