// A real provider of OpenID Connect on loopback: whoever signs in there with a name of `ROLES` has that role, others have none.
// node provider.mjs PORT REDIRECT
import { Provider } from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
const ROLES = { olga: ["staff", "trust-lead"], rob: ["trust-reviewer"] };

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: "weir", client_secret: "a secret of the tests, none at all", redirect_uris: [redirect],
    backchannel_logout_uri: redirect.replace(/back$/, "end"), backchannel_logout_session_required: false }],
  features: { backchannelLogout: { enabled: true } },
  // By itself it speaks to no address of this machine.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  scopes: ["openid", "profile", "groups"],
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ["a key of the tests"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: `subject-${id}`, preferred_username: id, groups: ROLES[id] ?? [] }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
