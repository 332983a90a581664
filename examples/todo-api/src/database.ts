import pg from 'pg';

/** Connections to the database that DATABASE_URL names. */
export function connect(): pg.Pool {
  const connectionString = process.env.DATABASE_URL;
  if (!connectionString) throw new Error('DATABASE_URL is not set');
  return new pg.Pool({ connectionString, max: 5, connectionTimeoutMillis: 10_000 });
}
