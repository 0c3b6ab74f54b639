import { queryOptions } from "@tanstack/react-query";
import { client, unwrap } from "./client";
import type { McpServer, McpServerCreate, McpServerPatch, McpTest } from "./types";

/** The built-in servers, then the caller's own, oldest first. */
export const serversQuery = queryOptions({
  queryKey: ["mcp-servers"],
  queryFn: ({ signal }) => unwrap(client.GET("/api/mcp/servers", { signal })),
  select: (list) => list.items,
});

export function createServer(server: McpServerCreate): Promise<McpServer> {
  return unwrap(client.POST("/api/mcp/servers", { body: server }));
}

export function updateServer(id: string, patch: McpServerPatch): Promise<McpServer> {
  return unwrap(client.PATCH("/api/mcp/servers/{id}", { params: { path: { id } }, body: patch }));
}

export async function deleteServer(id: string): Promise<void> {
  await unwrap(client.DELETE("/api/mcp/servers/{id}", { params: { path: { id } } }));
}

/** Connects to a server and lists its tools. That it cannot be used is an answer, not a failure. */
export function testServer(id: string): Promise<McpTest> {
  return unwrap(client.POST("/api/mcp/servers/{id}/test", { params: { path: { id } } }));
}
