// A message as the server's development mail page takes it. The template's data is named because the codes of logins and
// registrations are found nowhere else.
function(ctx) {
  recipient: ctx.recipient,
  subject: ctx.subject,
  body: ctx.body,
  template_type: ctx.template_type,
  template_data: ctx.template_data,
}
