// The desk's API as functions. Each returns a promise, which may be rejected with a Problem.

// Why something failed: `kind`, `message`, and perhaps `status`, `code`, `attempts`, `retry_after` and `maybe_applied`
// (the tenant may have applied the change anyway).
export class Problem extends Error {
  constructor(details) {
    super(details.message);
    Object.assign(this, details);
  }
}

let csrfToken;

// The problem if there is no response, or one without JSON: a change may or may not have been applied.
function unknown(message, options) {
  return new Problem({ kind: "desk", message, maybe_applied: options.method !== undefined });
}

async function exchange(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch (reason) {
    throw reason.name === "AbortError" ? reason : unknown("No response from the desk.", options);
  }
  const body = await response.json().catch(() => null);
  if (body?.error) {
    throw new Problem(body.error);
  } else if (!response.ok || !body) {
    throw unknown(`The desk responded with status ${response.status} ${response.statusText}`, options);
  }
  return body;
}

const query = (path, values) => `${path}?${new URLSearchParams(values)}`;

// Which tenant this desk is for, and who uses it: {tenant, operator}.
export async function session() {
  const response = await exchange("api/session");
  csrfToken = response.csrf_token;
  return response;
}

export async function usersByEmail(email, signal) {
  return (await exchange(query("api/users", { email }), { signal })).users;
}

export async function usersById(id, signal) {
  return (await exchange(query("api/users", { id }), { signal })).users;
}

export async function permissionsOf(userId, signal) {
  return (await exchange(query("api/permissions", { user_id: userId }), { signal })).permissions;
}

// The APIs to assign permissions from: [{identifier, name, scopes}].
export async function apis() {
  return (await exchange("api/apis")).apis;
}

function change(method, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrfToken ?? "" };
  return exchange("api/permissions", { method, headers, body: JSON.stringify(body) });
}

// Changes permissions of a user in one request. If the desk refuses the CSRF token because it was restarted, gets a new
// token and repeats the request once: nothing was sent to the tenant then.
async function changeOnce(method, userId, permissions) {
  const body = {
    user_id: userId,
    permissions: permissions.map(({ resource_server_identifier, permission_name }) => (
      { resource_server_identifier, permission_name })),
  };
  try {
    await change(method, body);
  } catch (problem) {
    if (problem.code !== "csrf_token") {
      throw problem;
    }
    await session();
    await change(method, body);
  }
}

export const remove = (userId, permissions) => changeOnce("DELETE", userId, permissions);
export const assign = (userId, permissions) => changeOnce("POST", userId, permissions);
