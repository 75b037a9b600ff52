// Builds what the page shows. All text becomes text nodes, so HTML in a name is shown as text.

import { byApi, count, givers, giversInWords, isDirect, keyOf } from "./permissions.js";

// Creates an element with properties (attributes for `data-`, `aria-` and so on) and children.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) {
      made[name] = value;
    } else {
      made.setAttribute(name, value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// The displayed name of a user.
export const nameOf = (user) => user.name || user.email || user.nickname || user.user_id;

// What is known about a user besides the name.
export function userFacts(user) {
  const facts = [element("code", {}, user.user_id)];
  if (user.email && user.email !== nameOf(user)) {
    facts.push(element("span", {}, user.email));
  }
  if (user.email && user.email_verified === false) {
    facts.push(element("span", { className: "badge" }, "e-mail not verified"));
  }
  if (user.blocked === true) {
    facts.push(element("span", { className: "badge warning" }, "blocked"));
  }
  if (user.last_login) {
    facts.push(element("span", { className: "quiet" }, `last login ${new Date(user.last_login).toLocaleString()}`));
  }
  return facts;
}

// A list item to select one of several users.
export function choice(user, address) {
  return element("li", {},
    element("a", { href: address, "data-user": user.user_id }, nameOf(user)), " ", ...userFacts(user));
}

function apiTitle(group, level) {
  return element("header", { className: "api" },
    element(level, {}, group.name),
    group.name === group.identifier ? null : element("code", { className: "quiet" }, group.identifier));
}

// How a permission is assigned, as badges.
function ways(permission) {
  const badges = givers(permission).map((giver) => element("span", { className: "badge role" }, giver));
  if (isDirect(permission)) {
    badges.unshift(element("span", { className: "badge direct" }, "direct"));
  }
  return element("span", { className: "ways" }, ...badges);
}

// Why a permission cannot be selected, or why it stays in effect when removed; otherwise null.
function remark(permission) {
  const roles = giversInWords(permission);
  if (!isDirect(permission)) {
    return roles ? `Cannot be removed here: assigned only through ${roles}.`
      : "Cannot be removed here: the tenant does not say how it is assigned.";
  }
  return roles ? `Stays in effect when removed: also assigned through ${roles}.` : null;
}

// A permission with a checkbox: {permission, item, box, text}; the filter searches `text`. `said` is a remark with this
// `id`, or null.
export function row(permission, { id, said, fixed, checked = false, badges = null }) {
  const { permission_name: name, description } = permission;
  const box = element("input", { type: "checkbox", value: keyOf(permission), disabled: fixed, checked });
  const label = element("label", {}, box, element("span", { className: "text" }, element("code", {}, name), " ",
    description ? element("span", { className: "description" }, description) : null));
  const item = element("li", { className: fixed ? "row fixed" : "row" }, label, badges);
  if (said) {
    box.setAttribute("aria-describedby", id);
    item.append(element("p", { className: "remark", id }, said));
  }
  const text = [name, description, permission.resource_server_name, permission.resource_server_identifier,
    ...givers(permission)].join("\n").toLowerCase();
  return { permission, item, box, text };
}

// The list of a user's permissions, by API: {sections, rows}; each row has its section.
export function permissionList(permissions) {
  const rows = [];
  const sections = byApi(permissions).map((group) => {
    const list = element("ul");
    const section = element("section", { className: "group" }, apiTitle(group, "h3"), list);
    for (const permission of group.permissions) {
      const made = row(permission, {
        id: `remark-${rows.length}`, said: remark(permission), fixed: !isDirect(permission), badges: ways(permission),
      });
      rows.push({ ...made, section });
      list.append(made.item);
    }
    return section;
  });
  return { sections, rows };
}

// A read-only list of permissions, by API; `note` returns a remark about one, or null.
export function plainList(permissions, note = () => null) {
  return byApi(permissions).map((group) => element("section", {}, apiTitle(group, "h4"),
    element("ul", { className: "plain" }, ...group.permissions.map((permission) => {
      const said = note(permission);
      return element("li", {}, element("code", {}, permission.permission_name),
        said ? element("span", { className: "note" }, ` – ${said}`) : null);
    }))));
}

// "1 of them stays in effect, ...", or null.
function staying(number, total) {
  const one = number === 1;
  const which = number < total ? `${number} of them ${one ? "stays" : "stay"}` : one ? "It stays" : "All of them stay";
  return number === 0 ? null : element("p", {}, `${which} in effect: a role grants ${one ? "it" : "them"}, too.`);
}

// What a removal will do.
export function removalPlan(permissions) {
  const number = permissions.filter((permission) => givers(permission).length > 0).length;
  const roles = (permission) => (givers(permission).length ? `stays, through ${giversInWords(permission)}` : null);
  return [staying(number, permissions.length), ...plainList(permissions, roles)].filter((child) => child !== null);
}

// The outcome of a change: its parts that are not empty; with `problem`, if the tenant's response was lost.
export function outcomeParts(parts, problem) {
  const lost = problem ? [
    element("p", {}, "The request may have reached the tenant, but no response came back: ",
      element("strong", {}, problem.message)),
    element("p", {}, "This is what the tenant lists now. If the request is still in flight, the list may change: " +
      "reload in a moment."),
  ] : [];
  return [...lost, ...parts.filter((part) => part.permissions.length > 0).map((part) => (
    element("div", { className: "part" }, element("h3", {}, part.title), ...plainList(part.permissions, part.note))))];
}

const TITLES = {
  desk: () => "The desk refused the request",
  invalid: () => "The request is not valid",
  token: () => "The desk has no access to the tenant",
  api: (problem) => (problem.status ? `The tenant responded with status ${problem.status}`
    : "The tenant reported an error"),
  limit: () => "The tenant's rate limit is reached",
  timeout: () => "The tenant took too long",
  transport: () => "The tenant cannot be reached",
  protocol: () => "The tenant sent an invalid response",
};

// What went wrong: what was attempted, why it failed, and the details.
export function problemPanel(attempt, problem) {
  const facts = [
    `kind ${problem.kind}`,
    problem.status && `status ${problem.status}`,
    problem.code && `code ${problem.code}`,
    problem.attempts && `${count(problem.attempts, "attempt")}`,
    problem.retry_after && `retry in ${count(Math.ceil(problem.retry_after), "second")}`,
  ].filter(Boolean);
  return element("div", { className: "notice error", tabIndex: -1 },
    element("h2", {}, TITLES[problem.kind]?.(problem) ?? "The request failed"),
    element("p", {}, `${attempt} `, element("strong", {}, problem.message)),
    problem.maybe_applied ? element("p", {}, "The change may have been made anyway: reload to check.") : null,
    element("p", { className: "quiet" }, facts.join(" · ")));
}
