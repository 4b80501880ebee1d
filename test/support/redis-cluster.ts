import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from './free-port.ts';
import { startRedis } from './redis.ts';
import type { RedisServer } from './redis.ts';
import { RedisReplyError } from './redis-client.ts';
import type { RedisReply } from './redis-client.ts';

const SLOTS = 16_384;

/** Redis Cluster: masters that share the slots evenly, no replicas. */
export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  /** Sends a command to the node that serves its key, found by following MOVED. */
  send(command: readonly string[]): Promise<RedisReply>;
  stop(): Promise<void>;
}

/** Starts a {@link RedisCluster} and waits until every node calls it whole; about two seconds. */
export async function startRedisCluster(size = 3): Promise<RedisCluster> {
  const busPorts = await freePorts(size);
  const started = await Promise.allSettled(busPorts.map(startNode));
  const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.stop())));
  try {
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    await join(nodes, busPorts);
    await Promise.all(nodes.map((node) => untilWhole(node, size)));
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, stop, send: (command) => sendFollowing(nodes, command), [Symbol.asyncDispose]: stop };
}

function startNode(busPort: number): Promise<RedisServer> {
  const args = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '2000'];
  return startRedis({ args });
}

async function join(nodes: readonly RedisServer[], busPorts: readonly number[]): Promise<void> {
  const [first] = nodes as [RedisServer];
  for (const [k, node] of nodes.entries()) {
    const from = Math.floor((k * SLOTS) / nodes.length);
    const to = Math.floor(((k + 1) * SLOTS) / nodes.length) - 1;
    // Distinct epochs from the start: else the nodes first have to agree on them.
    await node.send(['CLUSTER', 'SET-CONFIG-EPOCH', String(k + 1)]);
    await node.send(['CLUSTER', 'ADDSLOTSRANGE', String(from), String(to)]);
    if (k > 0) await first.send(['CLUSTER', 'MEET', '127.0.0.1', String(node.port), String(busPorts[k])]);
  }
}

async function untilWhole(node: RedisServer, size: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const info = String(await node.send(['CLUSTER', 'INFO']));
    if (info.includes('cluster_state:ok') && info.includes(`cluster_size:${size}`)) return;
    if (performance.now() > deadline) throw new Error(`the cluster has not formed:\n${info}`);
    // A cluster tells nobody when it is whole; asking is the only way.
    await delay(25);
  }
}

async function sendFollowing(nodes: readonly RedisServer[], command: readonly string[]): Promise<RedisReply> {
  const [first] = nodes as [RedisServer];
  try {
    return await first.send(command);
  } catch (error) {
    const port = error instanceof RedisReplyError && /^MOVED \d+ .*:(\d+)$/.exec(error.message)?.[1];
    const owner = nodes.find((node) => String(node.port) === port);
    if (!owner) throw error;
    return owner.send(command);
  }
}
