// What a list of permissions says: how each is assigned, to which API it belongs, and how it differs from another list.

const isDirectSource = (source) => source.source_type === "DIRECT";

// Whether a permission is assigned to the user directly; only then can it be removed.
export function isDirect(permission) {
  return (permission.sources ?? []).some(isDirectSource);
}

// What else gives a permission, in words: "role Auditor".
export function givers(permission) {
  return (permission.sources ?? [])
    .filter((source) => !isDirectSource(source))
    .map((source) => `${String(source.source_type).toLowerCase()} ${source.source_name || source.source_id}`);
}

// "the role Auditor and the role Cashier", or "".
export function giversInWords(permission) {
  return givers(permission).map((giver) => `the ${giver}`).join(" and ");
}

// What a permission is known by: its API and its name.
export function keyOf(permission) {
  return JSON.stringify([permission.resource_server_identifier, permission.permission_name]);
}

// [{identifier, name, permissions}] for each API, in the order of their names; the permissions stay in theirs.
export function byApi(permissions) {
  const groups = new Map();
  for (const permission of permissions) {
    const identifier = permission.resource_server_identifier;
    if (!groups.has(identifier)) {
      groups.set(identifier, { identifier, name: permission.resource_server_name || identifier, permissions: [] });
    }
    groups.get(identifier).permissions.push(permission);
  }
  return [...groups.values()].sort((a, b) => a.name.localeCompare(b.name) || a.identifier.localeCompare(b.identifier));
}

// Compares what was asked for with what the tenant lists now: what is not there, what only something else gives, and
// what is assigned directly.
export function compare(asked, now) {
  const found = new Map(now.map((permission) => [keyOf(permission), permission]));
  const result = { absent: [], granted: [], direct: [] };
  for (const permission of asked) {
    const current = found.get(keyOf(permission));
    if (!current) {
      result.absent.push(permission);
    } else if (isDirect(current)) {
      result.direct.push(current);
    } else {
      result.granted.push(current);
    }
  }
  return result;
}

// Whether a text, in lower case, has all the words of what somebody typed.
export function matches(text, typed) {
  return typed.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

// "1 permission", "2 permissions".
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
