import { Pool } from '@forge/pool-pg'; // was: from 'pg'

// PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE say where, as with pg.
const pool = new Pool({ max: 10, connectionTimeoutMillis: 5_000, query_timeout: 200 });
pool.on('abandonedTransaction', () => console.log('rolled back'));

const { rows } = await pool.query('SELECT $1::int + 1 AS answer', [41]).catch((error: Error) => {
  console.error(`This example needs a PostgreSQL, as PGHOST and PGPORT say: ${error.message}`);
  process.exit(1);
});
console.log(rows); // [ { answer: 42 } ]

const failure = await pool.query('SELECT pg_sleep(60)').catch((error: Error) => error.message);
console.log(failure); // Query read timeout: it is cancelled at the server, too

{
  await using client = await pool.connect();
  await client.query('BEGIN');
  // It throws, or somebody has forgotten the COMMIT: the block's end releases the client.
}
await pool.end(); // waits for clients in use, 30 s unless told otherwise
