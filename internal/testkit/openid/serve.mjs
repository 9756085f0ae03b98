// An OpenID provider for tests: oidc-provider, which is certified by the OpenID Foundation, with one client, and people
// whose names, groups and claims the test gives as JSON in its only argument. It prints its issuer, and ends when its
// standard input does.
import http from 'node:http';
import Provider from './provider.mjs';

const given = JSON.parse(process.argv[2]);
const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: given.client, client_secret: given.secret, redirect_uris: [given.redirect],
      response_types: ['code'], grant_types: ['authorization_code'],
    }],
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
    conformIdTokenClaims: given.inToken !== true,
    findAccount: (ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@example.org`, email_verified: true, name: `${sub} of the tests`, preferred_username: sub, groups: given.people[sub] ?? [] }),
    }),
    cookies: { keys: ['of the tests'] },
    ttl: { Session: 600, Grant: 600, Interaction: 600, AccessToken: 600, IdToken: 600 },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.resume().on('end', () => process.exit(0));
