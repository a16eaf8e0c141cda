// A provider of OpenID Connect: npm's oidc-provider behind TLS of a CA of its own, with people whose groups can be changed.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import https from "node:https";
import path from "node:path";

import Provider from "oidc-provider";

import { freePort } from "./house.mjs";

export const CLIENT = "boathook";
export const SECRET = "a secret of the walk/+";

// A CA, and a certificate of it for 127.0.0.1: another site than the server's localhost.
function certify(dir) {
  const at = (name) => path.join(dir, name);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/CN=Walk's provider CA");
  openssl("req", ...key, "-keyout", at("tls.key"), "-out", at("tls.csr"), "-subj", "/CN=127.0.0.1");
  fs.writeFileSync(at("tls.ext"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n");
  openssl("x509", "-req", "-in", at("tls.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-out", at("tls.crt"), "-days", "2", "-extfile", at("tls.ext"));
  return { ca: at("ca.pem"), key: fs.readFileSync(at("tls.key")), cert: fs.readFileSync(at("tls.crt")) };
}

// Not listening yet. `people`: subject → name, preferred_username, groups; read at each sign-in.
export async function newProvider(dir, people) {
  fs.mkdirSync(dir, { recursive: true });
  const issuer = `https://127.0.0.1:${await freePort()}`;
  const { ca, key, cert } = certify(dir);
  let listener;
  return {
    issuer,
    ca,
    async start(origin) {
      const provider = new Provider(issuer, settings(origin, people));
      const serve = provider.callback();
      listener = https.createServer({ key, cert }, (request, response) => {
        const asked = request.url.startsWith("/interaction/");
        const done = asked ? interact(provider, request, response) : serve(request, response);
        Promise.resolve(done).catch((error) => {
          response.statusCode = 500;
          response.end(String(error));
        });
      });
      await new Promise((done) => listener.listen(Number(new URL(issuer).port), "127.0.0.1", done));
    },
    async stop() {
      listener?.closeAllConnections();
      await new Promise((done) => (listener ? listener.close(done) : done()));
    },
  };
}

const settings = (origin, people) => ({
  clients: [{ client_id: CLIENT, client_secret: SECRET, redirect_uris: [`${origin}/sign-in/oidc/callback`] }],
  pkce: { required: () => true },
  // Groups come in the ID token.
  conformIdTokenClaims: false,
  scopes: ["openid", "groups"],
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], groups: ["groups"] },
  cookies: { keys: ["of the walk alone"] },
  ttl: { Interaction: 600, Grant: 3600, Session: 3600, AccessToken: 600, IdToken: 600 },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
  // Whoever is signed in there has agreed to the house's own server.
  async loadExistingGrant({ oidc }) {
    const known = oidc.session.grantIdFor(oidc.client.clientId);
    if (known) return oidc.provider.Grant.find(known);
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid profile groups");
    await grant.save();
    return grant;
  },
});

// Who are you: a form, and its answer.
async function interact(provider, request, response) {
  await provider.interactionDetails(request, response);
  if (request.method !== "POST") {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end('<!doctype html><html lang="en"><title>Provider</title><h1>Provider</h1><form method="post"><label>Account <input name="account"></label><button>Continue</button></form>');
    return;
  }
  let body = "";
  for await (const part of request) body += part;
  const accountId = new URLSearchParams(body).get("account");
  await provider.interactionFinished(request, response, { login: { accountId } }, { mergeWithLastSubmission: false });
}
