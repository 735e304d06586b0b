// A real OpenID provider for the tests: whoever gives the name of a person below logs in, with any password.
import Provider from "oidc-provider";

const [port, client, secret, callback, out] = process.argv.slice(2);
const people = {
  ada: { name: "Ada Lovelace", preferred_username: "ada", email: "ada@example.org", email_verified: true, groups: ["admins", "users"] },
  bob: { preferred_username: "bob", email: "bob@example.org", email_verified: true, groups: ["users"] },
  eve: { preferred_username: "<b>eve</b>", email: "ada@example.org", email_verified: false, groups: ["strangers"] },
};
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: client, client_secret: secret, redirect_uris: [callback], post_logout_redirect_uris: [out] }],
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"], groups: ["groups"] },
  findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
