/** Answers the kubelet's questions: /livez says whether the process should go on, /readyz whether it knows what exists. */
import type { ServerResponse } from 'node:http';
import { type Handler, type HttpServer, type ListenAddress, sendText, serveHttp } from './http-server.ts';

export interface Check {
  name: string;
  /** Says what is wrong; undefined: nothing. */
  problem: () => string | undefined;
}

/** How one watch is doing. */
export interface WatchState {
  /** Plural of what is watched. */
  resource: string;
  /** Milliseconds since the server last sent anything about it, bookmarks included. */
  silentMs: number;
  /** Milliseconds since its loop last showed any life: the server sent something, or an attempt failed. */
  idleMs: number;
}

/** That this server answers proves that the event loop runs, and the kubelet waits only a second for it. */
const ping: Check = { name: 'ping', problem: () => undefined };

/** A watch hears of its server about once a minute, and gives up one that is silent for 100 s. */
const stuckAfterMs = 5 * 60_000;

/**
 * Finds a watch that neither hears of the API server nor tries to reach it: its loop is stuck, and only a restart helps.
 * A server that is away is no reason to restart.
 */
export function watchCheck(watches: () => Iterable<WatchState>): Check {
  const problem = () => {
    const stuck = Array.from(watches()).filter(({ idleMs }) => idleMs > stuckAfterMs);
    if (stuck.length === 0) return undefined;
    return stuck
      .map(({ resource, idleMs }) => `${resource} stuck for ${Math.round(idleMs / 1000)} s`)
      .join(', ');
  };
  return { name: 'watches', problem };
}

/**
 * Serves /livez (also as /healthz) and /readyz as Kubernetes itself does: 200 `ok`, or 500 with the list of checks, which
 * `?verbose` always shows.
 */
export function serveHealth(
  address: ListenAddress,
  checks: { live: readonly Check[]; ready: readonly Check[] },
): Promise<HttpServer> {
  const live = [ping, ...checks.live];
  return serveHttp(address, {
    '/livez': answering('livez', live),
    '/healthz': answering('healthz', live),
    '/readyz': answering('readyz', [ping, ...checks.ready]),
  });
}

function answering(endpoint: string, checks: readonly Check[]): Handler {
  return ({ url = '' }, response) => answer(response, endpoint, checks, /[?&]verbose\b/.test(url));
}

function answer(
  response: ServerResponse,
  endpoint: string,
  checks: readonly Check[],
  isVerbose: boolean,
): void {
  const results = checks.map(({ name, problem }) => ({ name, problem: problem() }));
  const hasPassed = results.every(({ problem }) => problem === undefined);
  if (hasPassed && !isVerbose) return sendText(response, 200, 'ok');
  const lines = results.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  );
  const verdict = `${endpoint} check ${hasPassed ? 'passed' : 'failed'}`;
  sendText(response, hasPassed ? 200 : 500, [...lines, verdict].join('\n'));
}
