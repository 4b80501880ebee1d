// A price service of its own process: answers after 50 ms, and counts what it was asked. Port 0 takes any that is free.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let requests = 0;

const server = createServer((request, response) => {
  if (request.url === '/requests') return void response.end(String(requests));
  const body = JSON.stringify({ path: request.url, version: ++requests });
  setTimeout(() => response.end(body), 50);
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port);
});
