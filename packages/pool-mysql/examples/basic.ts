import { createPool } from '@forge/pool-mysql';
import type { RowDataPacket } from 'mysql2';

const uri = process.env['MYSQL_URL'] ?? 'mysql://root@127.0.0.1/test';
await using pool = createPool({ uri, acquireTimeout: 2_000, queryTimeout: 500 });

try {
  const [rows] = await pool.execute<RowDataPacket[]>('SELECT ? + ? AS sum', [20, 22]);
  console.log('sum:', rows[0]?.['sum']);
} catch (error) {
  console.error(`This example needs a MySQL or MariaDB at ${uri}, or another in MYSQL_URL:`, error);
  process.exit(1);
}

// The server is told to stop, and the connection goes on.
const slow = await pool.query('SELECT SLEEP(60)').catch((error: { code: string }) => error.code);
console.log('slow:', slow);

// Whoever forgets to commit leaves nothing to the next one.
pool.on('transactionAbandoned', () => console.log('rolled back'));
{
  await using connection = await pool.getConnection();
  await connection.beginTransaction();
}
const [status] = await pool.query<RowDataPacket[]>('SELECT @@in_transaction AS open');
console.log('open transactions:', status[0]?.['open']);
