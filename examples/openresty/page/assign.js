// The dialog in which an operator selects an API and the permissions to assign.

import * as api from "./api.js";
import { count, giversInWords, isDirect, keyOf, matches } from "./permissions.js";
import { element, nameOf, row } from "./view.js";

const part = (id) => document.getElementById(id);

let apis = [];
let held = new Map(); // the user's permissions, by key
let rows = []; // of the selected API

function say(text, busy = false) {
  part("assign-status").textContent = text;
  part("assign-status").classList.toggle("busy", busy);
}

// The selected permissions.
export function chosen() {
  return rows.filter(({ box }) => box.checked && !box.disabled).map(({ permission }) => permission);
}

function update() {
  const number = chosen().length;
  part("assign-yes").textContent = number === 0 ? "Assign" : `Assign ${count(number, "permission")}`;
  part("assign-yes").setAttribute("aria-disabled", String(number === 0));
}

function filter() {
  for (const { item, text } of rows) {
    item.hidden = !matches(text, part("assign-filter").value);
  }
}

// A row for a permission. One that the user holds directly is selected and cannot be changed.
function rowOf(permission, index) {
  const current = held.get(keyOf(permission));
  const already = current !== undefined && isDirect(current);
  const granted = current ? `Already granted through ${giversInWords(current)}.` : null;
  const said = already ? "Already assigned directly." : granted;
  return row(permission, { id: `assign-remark-${index}`, said, fixed: already, checked: already });
}

function showApi() {
  const server = apis.find((entry) => entry.identifier === part("assign-api").value);
  rows = (server?.scopes ?? []).map((scope, index) => rowOf({
    resource_server_identifier: server.identifier,
    resource_server_name: server.name,
    permission_name: scope.value,
    description: scope.description,
  }, index));
  part("assign-list").replaceChildren(rows.length > 0 ? element("ul", {}, ...rows.map(({ item }) => item))
    : element("p", { className: "empty" }, server ? "This API has no permissions." : "The tenant has no APIs."));
  filter();
  update();
}

// Opens the dialog for a user who holds these permissions. Reads the tenant's APIs each time.
export async function openAssign(user, permissions) {
  held = new Map(permissions.map((permission) => [keyOf(permission), permission]));
  part("assign-title").textContent = `Assign permissions to ${nameOf(user)}`;
  part("assign-filter").value = "";
  part("assign-api").replaceChildren();
  part("assign-list").replaceChildren();
  rows = [];
  update();
  say("Loading the tenant's APIs…", true);
  part("assign").showModal();
  try {
    apis = await api.apis();
    apis.sort((a, b) => (a.name || a.identifier).localeCompare(b.name || b.identifier));
    part("assign-api").replaceChildren(...apis.map((entry) => element("option", { value: entry.identifier },
      entry.name && entry.name !== entry.identifier ? `${entry.name} (${entry.identifier})` : entry.identifier)));
    say("");
    showApi();
  } catch (problem) {
    say(`The APIs could not be loaded: ${problem.message}`);
  }
}

part("assign-api").addEventListener("change", showApi);
part("assign-filter").addEventListener("input", filter);
part("assign-list").addEventListener("change", update);
