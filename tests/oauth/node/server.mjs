// How does oidc-provider run in a process of its own, with nobody to consent?
//
// `node server.mjs JSON`; the JSON is what `oidc.serving` was asked for. It says {"port": N} when it
// listens, moves its clock at each {"ahead": S} that it reads, and ends with its standard input.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const wanted = JSON.parse(process.argv[2]);
console.info = console.error; // its notices; standard output is for the tests
const { default: Provider } = await import(`${wanted.modules}/oidc-provider/lib/index.js`);

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { port } = server.address();

const provider = new Provider(wanted.issuer ?? `http://127.0.0.1:${port}`, {
  clients: wanted.applications.map(({ id, secret, grant }) => ({
    client_id: id,
    client_secret: secret ?? undefined,
    token_endpoint_auth_method: secret ? 'client_secret_basic' : 'none',
    application_type: 'native', // so that a loopback redirect may have any port
    grant_types: grant === 'client_credentials' ? [grant] : [grant, 'refresh_token'],
    redirect_uris: grant === 'client_credentials' ? [] : [wanted.redirect_uri],
    response_types: grant === 'client_credentials' ? [] : ['code'],
  })),
  scopes: ['openid', 'offline_access', 'records'],
  cookies: { keys: ['known to all'] },
  pkce: { required: () => true },
  clockTolerance: 0, // its default honours tokens for 15 s more
  rotateRefreshToken: true, // its default spares confidential clients until 70 % of the token's life
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  interactions: { url: (_, interaction) => `/consent/${interaction.uid}` },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  ttl: {
    AccessToken: wanted.access_s,
    ClientCredentials: wanted.access_s,
    RefreshToken: wanted.refresh_s,
    AuthorizationCode: 60,
    Grant: wanted.refresh_s,
    Interaction: 600,
    Session: 600,
  },
});

// The person at the browser: logs in and agrees to everything, a new grant each time.
async function consent(req, res) {
  const { params } = await provider.interactionDetails(req, res);
  const grant = new provider.Grant({ accountId: 'casey', clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  await provider.interactionFinished(req, res, {
    login: { accountId: 'casey' },
    consent: { grantId: await grant.save() },
  });
}

async function records(req, res, url) {
  const token = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '')?.[1];
  const found = await provider.AccessToken.find(token)
    ?? await provider.ClientCredentials.find(token);
  res.setHeader('Content-Type', 'application/json');
  if (!found) {
    // As its own /me says it.
    const error = token ? ', error="invalid_token", error_description="invalid token provided"' : '';
    res.writeHead(401, { 'WWW-Authenticate': `Bearer realm="${provider.issuer}"${error}` });
    res.end(JSON.stringify({ error: 'invalid_token' }));
    return;
  }
  const page = Number(url.searchParams.get('page') ?? 1);
  const items = Array.from({ length: wanted.page_items }, (_, each) => (
    { id: (page - 1) * wanted.page_items + each, page }
  ));
  res.end(JSON.stringify({ items, next: page < wanted.pages ? page + 1 : null }));
}

const oauth = provider.callback();
server.on('request', async (req, res) => {
  const url = new URL(req.url, 'http://127.0.0.1');
  try {
    if (url.pathname.startsWith('/consent/')) await consent(req, res);
    else if (url.pathname === '/api/records') await records(req, res, url);
    else await oauth(req, res);
  } catch (error) {
    console.error(error);
    res.writeHead(500).end();
  }
});

const now = Date.now;
let shift = 0;
Date.now = () => now() + shift;

const orders = createInterface({ input: process.stdin });
orders.on('line', (line) => {
  shift += JSON.parse(line).ahead * 1000;
  console.log(line);
});
orders.on('close', () => process.exit(0));
console.log(JSON.stringify({ port }));
