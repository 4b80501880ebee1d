import { Agent, get } from 'node:http';

export interface Price {
  readonly price: number;
}

/** Asks the service over kept-alive connections. */
export class PriceService {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: () => number;

  constructor(port: () => number) {
    this.#port = port;
  }

  /** Connections that a request holds at this moment. */
  get socketsInUse(): number {
    return Object.values(this.#agent.sockets).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);
  }

  ask(signal: AbortSignal): Promise<Price> {
    return new Promise((resolve, reject) => {
      const where = { agent: this.#agent, host: '127.0.0.1', port: this.#port(), path: '/price', signal };
      const request = get(where, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => void (text += part));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text) as Price);
          else reject(new Error(`the service answered ${response.statusCode}`));
        });
      });
      request.on('error', reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
