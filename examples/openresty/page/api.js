// The desk's API, as functions. Each returns a promise, which fails with a Problem.

// Why something did not come about: `kind`, `message`, and perhaps `status`, `code`, `attempts`, `retry_after` and
// `maybe_applied` (the tenant may have done it all the same).
export class Problem extends Error {
  constructor(details) {
    super(details.message);
    Object.assign(this, details);
  }
}

let csrfToken;

// What an answer without JSON means, or no answer: nobody can know what became of a change.
function unknown(message, options) {
  return new Problem({ kind: "desk", message, maybe_applied: options.method !== undefined });
}

async function exchange(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch (reason) {
    throw reason.name === "AbortError" ? reason : unknown("The desk does not answer.", options);
  }
  const body = await answer.json().catch(() => null);
  if (body?.error) {
    throw new Problem(body.error);
  } else if (!answer.ok || !body) {
    throw unknown(`The desk answered ${answer.status} ${answer.statusText}`, options);
  }
  return body;
}

const query = (path, values) => `${path}?${new URLSearchParams(values)}`;

// Who this desk works for: {tenant, operator}.
export async function session() {
  const answer = await exchange("api/session");
  csrfToken = answer.csrf_token;
  return answer;
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

// What there is to assign: [{identifier, name, scopes}].
export async function apis() {
  return (await exchange("api/apis")).apis;
}

function change(method, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrfToken ?? "" };
  return exchange("api/permissions", { method, headers, body: JSON.stringify(body) });
}

// Changes permissions of a user, all with one request. A token that the desk no longer knows (it was started anew) is
// replaced once; nothing was sent to the tenant then.
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
