// Evaluates lists of permissions: how each is assigned, which API it belongs to, and how two lists differ.

const isDirectSource = (source) => source.source_type === "DIRECT";

// Whether a permission is assigned to the user directly; only then can it be removed.
export function isDirect(permission) {
  return (permission.sources ?? []).some(isDirectSource);
}

// What else grants a permission, in words: "role Auditor".
export function givers(permission) {
  return (permission.sources ?? [])
    .filter((source) => !isDirectSource(source))
    .map((source) => `${String(source.source_type).toLowerCase()} ${source.source_name || source.source_id}`);
}

// "the role Auditor and the role Cashier", or "".
export function giversInWords(permission) {
  return givers(permission).map((giver) => `the ${giver}`).join(" and ");
}

// The key of a permission: its API and its name.
export function keyOf(permission) {
  return JSON.stringify([permission.resource_server_identifier, permission.permission_name]);
}

// [{identifier, name, permissions}] for each API, sorted by name; the permissions keep their order.
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

// Compares the requested permissions with those that the tenant lists now: which are absent, which are granted only
// indirectly, and which are assigned directly.
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

// Whether a text, in lower case, contains all the words that were typed.
export function matches(text, typed) {
  return typed.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

// "1 permission", "2 permissions".
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
