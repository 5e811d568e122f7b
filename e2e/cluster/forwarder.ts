import { connect } from 'node:net';
import type { Server, Socket } from 'node:net';

/**
 * Joins each connection that `listener` accepts with one to a port of this network namespace. The listener was opened
 * in another namespace, which is how clients outside reach a cluster that is alone in its own.
 */
export function forward(listener: Server, port: number): void {
  listener.on('connection', (client: Socket) => {
    const server = connect(port, '127.0.0.1');
    join(client, server);
    join(server, client);
  });
}

function join(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.pipe(to);
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => to.destroySoon());
}
