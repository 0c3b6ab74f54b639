// Begins Swagger UI on our own document. The validator badge would ask another server, so there is none.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
