// What the server is told when something happened to an identity: to whom, in which flow and by which method. Never the
// whole ctx: it holds the request's headers and cookies.
function(ctx) {
  identity_id: ctx.identity.id,
  flow_id: ctx.flow.id,
  flow_type: ctx.flow.type,
  method: if 'active' in ctx.flow then ctx.flow.active else '',
}
