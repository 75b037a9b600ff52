// Auth0's own SDK for Node against the mock tenant, which shows that the tenant does not merely do what this module
// expects. Run it with spec/interop/run. Each test starts with the data in `seed`.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ManagementClient } from "auth0";
import { ManagementClient as FormerClient } from "auth0/legacy";

const TIMEOUT = 30_000; // milliseconds, of a test
const SCOPES = 120; // of the large API

const domain = process.env.TENANT_DOMAIN;
const api = "https://api.example.com/";
const large = "urn:large";
const ada = "auth0|5f7c8ec7c33c6c004bbafe82";
const odd = "samlp|conn|a/b?c#d";
const clerk = "rol_Clerk000000000001";
const auditor = "rol_Auditor0000000001";

const permission = (permission_name, resource_server_identifier = api) => ({
  resource_server_identifier,
  permission_name,
});
const body = (...names) => ({ permissions: names.map((name) => permission(name)) });

const scopes = Array.from({ length: SCOPES }, (_, index) => `scope:${String(index).padStart(3, "0")}`);

const seed = {
  resource_servers: [
    {
      identifier: api,
      name: "Example API",
      scopes: [{ value: "read:reports", description: "Read reports" }, { value: "write:reports" }, { value: "pay" }],
    },
    { identifier: large, name: "Large", scopes },
  ],
  roles: [
    { id: clerk, name: "Clerk", description: "Writes", permissions: [permission("write:reports")] },
    { id: auditor, name: "Auditor", permissions: [permission("read:reports")] },
  ],
  users: [
    {
      user_id: ada,
      email: "ada@example.com",
      name: "Ada Example",
      roles: [auditor],
      permissions: [permission("read:reports"), permission("pay")],
    },
    { user_id: odd, email: "odd@example.com", permissions: [permission("pay")] },
    { user_id: "auth0|large", permissions: scopes.map((scope) => permission(scope, large)) },
    ...Array.from({ length: 5 }, (_, index) => ({ user_id: `auth0|clerk${index}`, roles: [clerk] })),
  ],
  clients: [
    { client_id: "robot", client_secret: "secret" },
    { client_id: "reader", client_secret: "secret", scope: "read:users" },
    { client_id: "stranger", client_secret: "secret", scope: false },
  ],
};

// --- the tenant's control side

async function control(method, path, data) {
  const response = await fetch(process.env.TENANT_CONTROL + path, { method, body: data && JSON.stringify(data) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

const held = async (id) => {
  const user = await control("GET", `/users/${encodeURIComponent(id)}`);
  return user.permissions.map((entry) => entry.permission_name);
};
const rolesOf = async (id) => (await control("GET", `/users/${encodeURIComponent(id)}`)).roles;
const requests = () => control("GET", "/requests");

// --- the SDK's clients

const withToken = (options) => new ManagementClient({ domain, token: process.env.TENANT_TOKEN, ...options });
const withSecret = (clientId = "robot", clientSecret = "secret") =>
  new ManagementClient({ domain, clientId, clientSecret });

const names = (list) => list.map((entry) => entry.permission_name);

async function collect(pages) {
  const items = [];
  for await (const item of await pages) {
    items.push(item);
  }
  return items;
}

// Checks that the call is refused, with this status and error code in the SDK's error.
async function refused(call, statusCode, errorCode, name) {
  const error = await call.then(
    () => assert.fail("was not refused"),
    (reason) => reason,
  );
  assert.equal(error.statusCode, statusCode, String(error));
  assert.equal(error.body?.statusCode, statusCode);
  assert.equal(error.body?.errorCode, errorCode);
  assert.equal(error.name, name);
  return error;
}

const it = (sentence, run) => test(sentence, { timeout: TIMEOUT }, run);

beforeEach(async () => {
  await control("POST", "/reset");
  await control("POST", "/seed", seed);
});

// --- tokens

it("a client id and secret get one token, with a form, for several calls", async () => {
  const client = withSecret();
  await client.users.permissions.list(ada);
  await client.users.permissions.delete(ada, body("pay"));
  await client.users.permissions.list(ada);
  const [token, ...calls] = await requests();
  assert.equal(token.uri, "/oauth/token");
  assert.match(token.headers["content-type"], /^application\/x-www-form-urlencoded/);
  assert.equal(new URLSearchParams(token.body).get("audience"), `https://${domain}/api/v2/`);
  assert.deepEqual(calls.map((call) => [call.method, call.status]), [["GET", 200], ["DELETE", 204], ["GET", 200]]);
});

it("a token that expires soon is replaced before the next call", async () => {
  await control("POST", "/seed", { clients: [{ client_id: "brief", client_secret: "secret", expires_in: 5 }] });
  const client = withSecret("brief");
  await client.users.permissions.list(ada);
  await client.users.permissions.list(ada);
  const tokens = (await requests()).filter((request) => request.uri === "/oauth/token");
  assert.equal(tokens.length, 2);
});

it("a wrong secret, and a client without a grant, get no token", async () => {
  const attempts = [["robot", "wrong", 401], ["nobody", "secret", 401], ["stranger", "secret", 403]];
  for (const [id, secret, statusCode] of attempts) {
    await assert.rejects(withSecret(id, secret).users.permissions.list(ada), (error) => {
      assert.equal(error.statusCode, statusCode, String(error));
      assert.equal(error.body.error, "access_denied");
      assert.equal(typeof error.body.error_description, "string");
      return true;
    });
  }
});

it("a given token is used as it is", async () => {
  await withToken().users.permissions.list(ada);
  const [call, ...more] = await requests();
  assert.equal(call.headers.authorization, `Bearer ${process.env.TENANT_TOKEN}`);
  assert.equal(more.length, 0);
});

// --- permissions of users

it("a user's permissions are listed with their totals and sources", async () => {
  const page = await withSecret().users.permissions.list(ada, { per_page: 50, include_totals: true });
  assert.deepEqual({ ...page.response, permissions: names(page.data) }, {
    permissions: ["pay", "read:reports"],
    start: 0,
    limit: 50,
    total: 2,
  });
  const { sources, ...entry } = page.data[1];
  assert.deepEqual(entry, {
    permission_name: "read:reports",
    description: "Read reports",
    resource_server_name: "Example API",
    resource_server_identifier: api,
  });
  assert.deepEqual(sources.map((source) => source.source_type).sort(), ["DIRECT", "ROLE"]);
});

it("permissions can be assigned to a user repeatedly", async () => {
  const client = withSecret();
  for (let round = 0; round < 2; round++) {
    const { data, rawResponse } = await client.users.permissions.create(ada, body("write:reports")).withRawResponse();
    assert.equal(data, undefined);
    assert.equal(rawResponse.status, 201);
  }
  assert.deepEqual(await held(ada), ["pay", "read:reports", "write:reports"]);
});

it("permissions are removed from a user, and those that are not held are ignored", async () => {
  const client = withSecret();
  const list = body("pay", "write:reports", "never:heard:of");
  const { data, rawResponse } = await client.users.permissions.delete(ada, list).withRawResponse();
  assert.equal(data, undefined);
  assert.equal(rawResponse.status, 204);
  assert.deepEqual(await held(ada), ["read:reports"]);
  const removal = (await requests()).at(-1);
  assert.equal(removal.uri, "/api/v2/users/auth0%7C5f7c8ec7c33c6c004bbafe82/permissions");
  assert.deepEqual(JSON.parse(removal.body), list);
});

it("an id with a slash, a question mark and a hash is one path segment", async () => {
  const client = withToken();
  assert.deepEqual(names((await client.users.permissions.list(odd)).data), ["pay"]);
  await client.users.permissions.delete(odd, body("pay"));
  assert.deepEqual(await held(odd), []);
  assert.equal((await client.users.get(odd)).user_id, odd);
});

it("each page of a long list is fetched", async () => {
  const client = withToken();
  assert.deepEqual(names(await collect(client.users.permissions.list("auth0|large", { per_page: 50 }))), scopes);
  const uris = (await requests()).map((request) => new URL(request.uri, "https://x/").searchParams.get("page"));
  assert.deepEqual(uris, ["0", "1", "2"]);
});

it("a list of pages of the default size is complete", async () => {
  assert.deepEqual(names(await collect(withToken().users.permissions.list("auth0|large"))), scopes);
});

it("a list without totals is a plain list", async () => {
  const page = await withToken().users.permissions.list(ada, { include_totals: false, per_page: 1 });
  assert.deepEqual(names(page.response), ["pay"]);
});

it("effective permissions are listed with their sources, by checkpoint", async () => {
  const list = withToken().users.effectivePermissions.list(ada, { resource_server_identifier: api, take: 1 });
  const found = (await collect(list)).map((entry) => [entry.permission_name, entry.sources]);
  assert.deepEqual(found, [["pay", ["direct"]], ["read:reports", ["direct", "roles"]]]);
});

// --- users and their roles

it("a user is fetched, with all fields or some", async () => {
  const client = withToken();
  const user = await client.users.get(ada);
  assert.equal(user.user_id, ada);
  assert.equal(user.email, "ada@example.com");
  assert.deepEqual(await client.users.get(ada, { fields: "user_id,email", include_fields: true }), {
    user_id: ada,
    email: "ada@example.com",
  });
});

it("users are found by email", async () => {
  const client = withToken();
  const found = await client.users.listUsersByEmail({ email: "ada@example.com" });
  assert.deepEqual(found.map((user) => user.user_id), [ada]);
  assert.deepEqual(await client.users.listUsersByEmail({ email: "nobody+x@example.com" }), []);
});

it("a user's roles are listed, assigned and removed", async () => {
  const client = withSecret();
  const page = await client.users.roles.list(ada, { per_page: 10 });
  assert.deepEqual(page.data.map((role) => [role.id, role.name]), [[auditor, "Auditor"]]);
  assert.equal(page.response.total, 1);
  await client.users.roles.assign(ada, { roles: [clerk] });
  assert.deepEqual(await rolesOf(ada), [auditor, clerk].sort());
  const { rawResponse } = await client.users.roles.delete(ada, { roles: [auditor] }).withRawResponse();
  assert.equal(rawResponse.status, 204);
  assert.deepEqual(await rolesOf(ada), [clerk]);
});

// --- roles

it("a role is created, listed, fetched, changed and deleted", async () => {
  const client = withSecret();
  const role = await client.roles.create({ name: "Cashier", description: "Pays" });
  assert.match(role.id, /^rol_/);
  assert.deepEqual(await client.roles.get(role.id), role);
  const found = await collect(client.roles.list({ name_filter: "cash", per_page: 5 }));
  assert.deepEqual(found, [role]);
  assert.equal((await client.roles.update(role.id, { description: "Pays a lot" })).description, "Pays a lot");
  assert.equal((await client.roles.get(role.id)).name, "Cashier");
  await client.roles.delete(role.id);
  await refused(client.roles.get(role.id), 404, undefined, "NotFoundError");
});

it("a role's permissions are listed, added and removed", async () => {
  const client = withSecret();
  const list = body("pay", "read:reports");
  const { rawResponse: added } = await client.roles.permissions.add(clerk, list).withRawResponse();
  assert.equal(added.status, 201);
  const page = await client.roles.permissions.list(clerk, { per_page: 2 });
  assert.deepEqual(names(page.data), ["pay", "read:reports"]);
  assert.equal(page.response.total, 3);
  assert.deepEqual(names(await collect(page)), ["pay", "read:reports", "write:reports"]);
  const { rawResponse } = await client.roles.permissions.delete(clerk, body("write:reports", "pay")).withRawResponse();
  assert.equal(rawResponse.status, 204);
  assert.deepEqual(names((await client.roles.permissions.list(clerk)).data), ["read:reports"]);
});

it("a role's users are assigned, and listed by checkpoint", async () => {
  const client = withSecret();
  await client.roles.users.assign(clerk, { users: [ada, odd] });
  const found = await collect(client.roles.users.list(clerk, { take: 3 }));
  assert.deepEqual(found.map((user) => user.user_id).sort(),
    [ada, odd, ...Array.from({ length: 5 }, (_, index) => `auth0|clerk${index}`)].sort());
  const lists = (await requests()).filter((request) => request.uri.startsWith(`/api/v2/roles/${clerk}/users?`));
  assert.equal(lists.length, 3);
});

// --- APIs

it("APIs are listed, all and by identifier", async () => {
  const client = withSecret();
  const all = await collect(client.resourceServers.list({ per_page: 1 }));
  assert.deepEqual(all.map((server) => server.identifier).sort(), [api, large].sort());
  for (const identifiers of [[large], [api, large], ["urn:nowhere"]]) {
    const page = await client.resourceServers.list({ identifiers });
    const found = page.data.map((server) => server.identifier).sort();
    assert.deepEqual(found, identifiers.filter((identifier) => identifier !== "urn:nowhere").sort());
  }
});

it("an API is fetched by id and by identifier", async () => {
  const client = withToken();
  const server = await client.resourceServers.get(api);
  assert.deepEqual(server.scopes.map((scope) => scope.value), ["read:reports", "write:reports", "pay"]);
  assert.deepEqual(await client.resourceServers.get(server.id, { include_fields: true }), server);
});

it("an API's policies and scopes are changed, and everyone loses a removed scope", async () => {
  const client = withSecret();
  const changes = { enforce_policies: true, token_dialect: "access_token_authz", scopes: [{ value: "pay" }] };
  const server = await client.resourceServers.update(api, changes);
  assert.equal(server.enforce_policies, true);
  assert.equal(server.token_dialect, "access_token_authz");
  assert.deepEqual(server.scopes.map((scope) => scope.value), ["pay"]);
  assert.deepEqual(names((await client.users.permissions.list(ada)).data), ["pay"]);
});

it("every other member of an API that the SDK can change is accepted and returned", async () => {
  const changes = {
    name: "Renamed",
    allow_offline_access: true,
    allow_online_access: true,
    allow_online_access_with_ephemeral_sessions: false,
    skip_consent_for_verifiable_first_party_clients: true,
    token_lifetime: 3600,
    token_lifetime_for_anonymous_access_tokens: 600,
    consent_policy: "transactional-authorization-with-mfa",
    authorization_details: [{ type: "payment" }],
    subject_type_authorization: { user: { policy: "allow_all" }, client: { policy: "require_client_grant" } },
  };
  const { id, identifier, ...server } = await withToken().resourceServers.update(api, changes);
  assert.equal(identifier, api);
  assert.deepEqual(await withToken().resourceServers.get(id), { id, identifier, ...server });
  for (const [name, value] of Object.entries(changes)) {
    assert.deepEqual(server[name], value, name);
  }
});

// --- the previous SDK (4.x), which the package contains, too

it("the previous SDK lists, assigns and removes a user's permissions and roles", async () => {
  const client = new FormerClient({ domain, clientId: "robot", clientSecret: "secret" });
  await client.users.assignPermissions({ id: ada }, body("write:reports"));
  await client.users.deletePermissions({ id: ada }, body("pay"));
  const { data } = await client.users.getPermissions({ id: ada, include_totals: true });
  assert.deepEqual(names(data.permissions), ["read:reports", "write:reports"]);
  await client.users.assignRoles({ id: ada }, { roles: [clerk] });
  await client.users.deleteRoles({ id: ada }, { roles: [auditor] });
  assert.deepEqual((await client.users.getRoles({ id: ada })).data.map((role) => role.id), [clerk]);
});

it("the previous SDK lists, adds and removes a role's permissions", async () => {
  const client = new FormerClient({ domain, token: process.env.TENANT_TOKEN });
  await client.roles.addPermissions({ id: clerk }, body("pay"));
  await client.roles.deletePermissions({ id: clerk }, body("write:reports"));
  assert.deepEqual(names((await client.roles.getPermissions({ id: clerk })).data), ["pay"]);
  assert.equal((await client.roles.getUsers({ id: clerk, take: 3 })).data.users.length, 3);
  const refusal = { statusCode: 404, errorCode: "inexistent_user" };
  await assert.rejects(client.users.getPermissions({ id: "auth0|nobody" }), refusal);
});

// --- refusals

it("the response for something that does not exist is a 404, with an error code except for roles", async () => {
  const client = withToken();
  await refused(client.users.permissions.list("auth0|nobody"), 404, "inexistent_user", "NotFoundError");
  await refused(client.users.get("auth0|nobody"), 404, "inexistent_user", "NotFoundError");
  await refused(client.users.permissions.delete("auth0|nobody", body("pay")), 404, "inexistent_user", "NotFoundError");
  await refused(client.roles.permissions.list("rol_none"), 404, undefined, "NotFoundError");
  await refused(client.resourceServers.get("urn:nowhere"), 404, "inexistent_resource_server", "NotFoundError");
  const error = await refused(client.users.permissions.create(ada, body("pay", "x")), 404,
    "inexistent_resource_server_permission", "NotFoundError");
  assert.equal(error.body.message, `This permission does not exist: '${api} - x'`);
  assert.deepEqual(await held(ada), ["pay", "read:reports"]);
});

it("the response to a token without the scope is a 403", async () => {
  const client = withSecret("reader");
  assert.equal((await client.users.permissions.list(ada)).data.length, 2);
  const error = await refused(client.users.permissions.delete(ada, body("pay")), 403, "insufficient_scope",
    "ForbiddenError");
  assert.equal(error.body.message, "Insufficient scope, expected any of: update:users");
  assert.deepEqual(await held(ada), ["pay", "read:reports"]);
});

it("the response to an invalid body, path or query is a 400", async () => {
  const client = withToken();
  const refusal = (call, code) => refused(call, 400, code, "BadRequestError");
  await refusal(client.users.permissions.delete(ada, { permissions: [] }), "invalid_body");
  await refusal(client.users.permissions.create(ada, { permissions: [{ permission_name: "pay" }] }), "invalid_body");
  await refusal(client.users.permissions.delete("nobody", body("pay")), "invalid_uri");
  await refusal(client.users.permissions.list(ada, { per_page: 101 }), "invalid_query_string");
});

it("the response to an expired token is a 401, and to one that is not a JWT a 400", async () => {
  const { access_token: token } = await control("POST", "/token", { expires_in: -1 });
  const expired = await refused(withToken({ token }).users.permissions.list(ada), 401, undefined, "UnauthorizedError");
  assert.equal(expired.body.message, "Expired token received for JSON Web Token validation");
  await refused(withToken({ token: "opaque" }).users.permissions.list(ada), 400, "Bearer", "BadRequestError");
});

it("the response to a role name that is in use is a 409", async () => {
  await refused(withToken().roles.create({ name: "Clerk" }), 409, undefined, "ConflictError");
});

// --- rate limits

it("the SDK retries a removal beyond the rate limit at the time in the rate limit headers", async () => {
  await control("POST", "/settings", { enforce: true, bucket: 1, refill: 0.5 });
  const client = withToken();
  await client.users.permissions.list(ada);
  await client.users.permissions.delete(ada, body("pay"));
  assert.deepEqual(await held(ada), ["read:reports"]);
  const removals = (await requests()).filter((request) => request.method === "DELETE");
  assert.deepEqual(removals.map((request) => request.status), [429, 204]);
  // Without the headers it would wait for one second, give or take a tenth.
  assert.ok(removals[1].time - removals[0].time > 1.5);
});

it("the SDK reports a 429 with its headers if it may not retry", async () => {
  await control("POST", "/settings", { enforce: true, bucket: 1, refill: 0.1, retry_after: 9 });
  const client = withToken({ maxRetries: 0 });
  const { rawResponse } = await client.users.permissions.delete(ada, body("pay")).withRawResponse();
  assert.equal(rawResponse.headers.get("x-ratelimit-limit"), "1");
  assert.equal(rawResponse.headers.get("x-ratelimit-remaining"), "0");
  const error = await refused(client.users.permissions.list(ada), 429, "too_many_requests", "TooManyRequestsError");
  assert.equal(error.body.message, "Global limit has been reached");
  assert.equal(error.rawResponse.headers.get("retry-after"), "9");
});

it("the SDK retries after a 503", async () => {
  await control("POST", "/fault", { kind: "status", status: 503, headers: { "Retry-After": "1" } });
  await withToken().users.permissions.delete(ada, body("pay"));
  assert.deepEqual((await requests()).map((request) => request.status), [503, 204]);
  assert.deepEqual(await held(ada), ["read:reports"]);
});
