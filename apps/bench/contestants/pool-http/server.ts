import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// It ends with the process that is measured.
process.once('disconnect', () => process.exit());
const server = createServer({ keepAliveTimeout: 0 }, (_, answer) => {
  answer.setHeader('content-length', 5);
  answer.end('hello');
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
