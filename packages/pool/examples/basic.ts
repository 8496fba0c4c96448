import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionPool } from '@forge/pool';

// Any connection will do: here one that answers after a moment.
const pool = new ConnectionPool({
  create: async () => ({ ask: (question: number) => delay(10, question) }),
  max: 2,
});

const answers = await Promise.all([1, 2, 3, 4, 5].map((question) => pool.use((it) => it.ask(question))));
const { acquired, created } = pool.getMetrics();
console.log(`${acquired} requests, ${created} connections, answers: ${answers.join(' ')}`);

const lease = await pool.acquire();
lease.release();
try {
  lease.release();
} catch (error) {
  console.log('a second release is refused:', (error as { code?: string }).code);
}

const { leaked } = await pool.close();
console.log('leaked:', leaked);
