// Google's claims as an identity. An address that Google has not verified never becomes an identifier: whoever typed it
// there could take over the account of its owner.
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
