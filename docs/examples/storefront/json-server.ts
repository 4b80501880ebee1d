import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';

export interface Call {
  readonly method: string;
  /** The path without its first slash, in parts. */
  readonly path: readonly string[];
  readonly headers: IncomingMessage['headers'];
  /** Text as it came; '' where nothing did. */
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Handler = (call: Call) => Promise<Reply | 'hang up'>;
export type Gate = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** Serves JSON on loopback. What the handler rejects with is answered with 500; `mayPass` answers what it refuses. */
export async function serveJson(port: number, handler: Handler, mayPass?: Gate): Promise<void> {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (mayPass && !(await mayPass(request, response))) return;
    const reply = await handler(await callOf(request));
    if (reply === 'hang up') return void request.socket.destroy();
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(JSON.stringify(reply.body));
  };
  // Longer than the demo, so that an idle connection is not closed just as a request comes along it.
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) return;
      response.writeHead(500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: String(error) }));
    });
  });
  server.listen(port, '127.0.0.1', 1_024);
  await once(server, 'listening');
}

async function callOf(request: IncomingMessage): Promise<Call> {
  request.setEncoding('utf8');
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const { method = '', url = '', headers } = request;
  return { method, path: url.slice(1).split('/'), headers, body };
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

/** One request; rejects where no answer comes. */
export async function request(
  method: string,
  url: string,
  options: {
    readonly body?: string | undefined;
    readonly signal?: AbortSignal;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<Answer> {
  const { body, signal, headers } = options;
  const response = await fetch(url, {
    method,
    ...(body === undefined || body === '' ? {} : { body }),
    ...(signal ? { signal } : {}),
    ...(headers ? { headers } : {}),
  });
  return { status: response.status, body: await response.text(), headers: response.headers };
}
