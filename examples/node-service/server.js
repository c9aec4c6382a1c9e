import { createServer } from 'node:http';
import ms from 'ms';
import { nanoid } from 'nanoid';

const began = Date.now();
let count = 0;
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify({ request: nanoid(), count: ++count, up: ms(Date.now() - began) })}\n`);
});
server.listen(Number(process.env.PORT));
process.on('SIGTERM', () => server.close());
