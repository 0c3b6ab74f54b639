// A TCP proxy to a server, whose connections can be cut.
import net from "node:net";

/** Listens before a server; `base` is where. What it holds does not keep the process alive. */
export async function cuttable(server) {
  const { hostname, port } = new URL(server);
  const sockets = new Set();
  const keep = (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.unref();
  };
  const proxy = net.createServer((near) => {
    const far = net.connect(Number(port), hostname);
    keep(near);
    keep(far);
    near.pipe(far);
    far.pipe(near);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  proxy.unref();
  return {
    base: `http://127.0.0.1:${proxy.address().port}`,
    /** Ends every connection with a reset, so that both ends know at once. */
    cut: () => {
      for (const socket of sockets) {
        socket.resetAndDestroy();
      }
    },
  };
}
