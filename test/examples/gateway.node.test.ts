import { describe, expect, it } from 'vitest';
import { createGateway } from '../../docs/examples/gateway/gateway.ts';
import { serveLocally } from '../../docs/examples/local-server.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { runExample } from './run-example.ts';

describe('the gateway', () => {
  it('asks another server for what one answers with an error, and hands on what is the client’s fault', async () => {
    await using ill = await serveLocally((_, response) => void response.writeHead(500).end('ill'));
    await using well = await serveLocally(({ url }, response) => {
      response.writeHead(url === '/missing' ? 404 : 200).end('well');
    });
    const servers = [
      { id: 'ill', url: ill.url },
      { id: 'well', url: well.url },
    ];
    const { listener, stateOf } = createGateway({ servers, timeoutMs: 5_000, openMs: 60_000, limit: 1_000 });
    await using door = await serveLocally(listener);
    for (let k = 0; k < 20; k++) {
      const response = await fetch(`${door.url}/page`);
      expect([response.status, await response.text()]).toEqual([200, 'well']);
    }
    expect((await fetch(`${door.url}/missing`)).status).toBe(404);
    expect(stateOf('well')).toBe('closed');
  });

  it.skipIf(!canRunTypeScript)('keeps its promises as an example', { timeout: 60_000 }, async () => {
    expect(await runExample('gateway')).toEqual({ code: 0, broken: [], sum: '6 of 6 promises kept' });
  });
});
