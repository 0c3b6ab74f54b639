// GitHub's claims as an identity. Kratos asks GitHub for the primary address and whether it is verified; only then does
// it become an identifier.
local claims = { email_verified: false } + std.extVar('claims');
local verified = 'email' in claims && claims.email_verified;
{
  identity: {
    traits: {
      [if verified then 'email']: claims.email,
      [if 'name' in claims then 'name']: claims.name,
    },
    verified_addresses: if verified then [{ via: 'email', value: claims.email }] else [],
  },
}
