// The page: find a user, select permissions, confirm, see the outcome. It shows one user at a time, who is in the
// address (?user=...), so that the address can be shared and the browser's Back button works.

import * as api from "./api.js";
import { chosen as chosenToAssign, openAssign } from "./assign.js";
import { assignment, removal } from "./changes.js";
import { count, isDirect, matches } from "./permissions.js";
import { choice, element, nameOf, outcomeParts, permissionList, problemPanel, removalPlan, userFacts } from "./view.js";

const part = (id) => document.getElementById(id);

const shown = { user: null, rows: [] }; // the user and rows in the list
let reading; // the AbortController of the current read
let asked = []; // the permissions in the confirmation

// --- status and problems

function say(text) {
  part("status").textContent = text;
}

function busy(text) {
  part("status").classList.toggle("busy", text !== "");
  document.querySelector("main").setAttribute("aria-busy", String(text !== ""));
  say(text);
}

function showProblem(attempt, problem) {
  const panel = problemPanel(attempt, problem);
  part("problem").replaceChildren(panel);
  panel.focus();
}

function clearNotices() {
  part("problem").replaceChildren();
  part("outcome").hidden = true;
  say("");
}

// Reads from the tenant: shows a status, aborts the previous read, and shows a problem if it fails.
async function read(text, attempt, work) {
  reading?.abort();
  const mine = reading = new AbortController();
  busy(text);
  try {
    await work(mine.signal);
  } catch (problem) {
    if (mine === reading && problem.name !== "AbortError") {
      busy("");
      showProblem(attempt, problem);
    }
  } finally {
    if (mine === reading) {
      part("status").classList.remove("busy");
      document.querySelector("main").setAttribute("aria-busy", "false");
    }
  }
}

// --- the list

const selected = () => shown.rows.filter((row) => row.box.checked);
const selectable = () => shown.rows.filter((row) => !row.box.disabled && !row.item.hidden);

// Updates the tools to match the selection and the filter.
function updateTools() {
  const chosen = selected();
  const hidden = chosen.filter((row) => row.item.hidden).length;
  const within = selectable();
  const withinChosen = within.filter((row) => row.box.checked).length;
  const all = part("all");
  all.disabled = within.length === 0;
  all.checked = within.length > 0 && withinChosen === within.length;
  all.indeterminate = withinChosen > 0 && !all.checked;
  const filtered = part("filter").value ? ", as filtered" : "";
  part("all-label").textContent = `All ${within.length} assigned directly${filtered}`;
  part("selected").textContent = chosen.length === 0 ? ""
    : `${chosen.length} selected${hidden ? `, ${hidden} of them hidden` : ""}`;
  part("remove").textContent = chosen.length === 0 ? "Remove…" : `Remove ${count(chosen.length, "permission")}…`;
  part("remove").setAttribute("aria-disabled", String(chosen.length === 0));
}

function applyFilter() {
  for (const row of shown.rows) {
    row.item.hidden = !matches(row.text, part("filter").value);
  }
  for (const section of part("permissions").querySelectorAll(".group")) {
    section.hidden = !shown.rows.some((row) => row.section === section && !row.item.hidden);
  }
  part("none").hidden = shown.rows.length === 0 || shown.rows.some((row) => !row.item.hidden);
  updateTools();
}

function showPermissions(permissions) {
  const { sections, rows } = permissionList(permissions);
  shown.rows = rows;
  const empty = element("p", { className: "empty", hidden: rows.length > 0 }, "This user has no permissions.");
  const none = element("p", { className: "empty", id: "none", hidden: true }, "No permission matches the filter.");
  part("permissions").replaceChildren(...sections, empty, none);
  part("tools").hidden = rows.length === 0;
  applyFilter();
}

function summary(permissions) {
  const direct = permissions.filter(isDirect).length;
  return permissions.length === 0 ? `${nameOf(shown.user)} has no permissions.`
    : `${nameOf(shown.user)} has ${count(permissions.length, "permission")}, ${direct} of them assigned directly.`;
}

// --- finding

function showUser(user, permissions) {
  shown.user = user;
  part("user-name").textContent = nameOf(user);
  part("user-facts").replaceChildren(...userFacts(user));
  part("filter").value = "";
  showPermissions(permissions);
  part("choices").hidden = true;
  part("user").hidden = false;
  document.title = `${nameOf(user)} – Permission desk`;
  say(summary(permissions));
  part("user-name").focus();
}

function hideAll() {
  clearNotices();
  part("confirm").close();
  part("assign").close();
  part("choices").hidden = true;
  part("user").hidden = true;
  shown.user = null;
  document.title = "Permission desk";
}

const addressOf = (userId) => `?${new URLSearchParams({ user: userId })}`;

function showNobody(text) {
  const id = text.includes("|");
  const hint = !id && text !== text.toLowerCase() ? " Auth0 distinguishes upper and lower case: try lower case." : "";
  say(`No user in this tenant has the ${id || !text.includes("@") ? "id" : "e-mail address"} ${text}.${hint}`);
  part("query").focus();
}

function showChoices(users, email) {
  part("choices-title").textContent = `${users.length} users have the e-mail address ${email}`;
  part("choices-list").replaceChildren(...users.map((user) => choice(user, addressOf(user.user_id))));
  part("choices").hidden = false;
  say("");
  part("choices-title").focus();
}

// Shows a user, or says that there is none; `known` is the user if already read.
async function open(userId, { known, push = true } = {}) {
  hideAll();
  await read(`Loading ${userId} from the tenant…`, `Loading ${userId}:`, async (signal) => {
    const [users, permissions] = await Promise.all([
      known ? [known] : api.usersById(userId, signal),
      api.permissionsOf(userId, signal).catch((problem) => {
        if (problem.code === "inexistent_user") {
          return null;
        }
        throw problem;
      }),
    ]);
    if (users.length === 0 || !permissions) {
      showNobody(userId);
      return;
    }
    if (push) {
      history.pushState(null, "", addressOf(userId));
    }
    part("query").value = userId;
    showUser(users[0], permissions);
  });
}

// An id has a bar between the connection and the rest; an e-mail address may not have one in practice.
async function find(text) {
  if (text.includes("|") || !text.includes("@")) {
    await open(text);
    return;
  }
  hideAll();
  let only;
  await read(`Searching for ${text}…`, `Searching for ${text}:`, async (signal) => {
    const users = await api.usersByEmail(text, signal);
    if (users.length === 0) {
      showNobody(text);
    } else if (users.length > 1) {
      showChoices(users, text);
    } else {
      [only] = users;
    }
  });
  if (only) {
    await open(only.user_id, { known: only });
    part("query").value = text;
  }
}

// Reads the user's permissions again. Returns them, or null if that failed.
async function readAgain() {
  const { user } = shown;
  let permissions = null;
  await read("Loading from the tenant…", `Loading the permissions of ${nameOf(user)}:`, async (signal) => {
    permissions = await api.permissionsOf(user.user_id, signal);
  });
  if (permissions && shown.user === user) {
    showPermissions(permissions);
    say(summary(permissions));
    return permissions;
  }
  return null;
}

// --- changing

function showConfirmation(chosen) {
  const { user } = shown;
  asked = chosen;
  part("confirm-title").textContent = `Remove ${count(chosen.length, "permission")} from ${nameOf(user)}?`;
  part("confirm-list").replaceChildren(element("p", {}, element("code", {}, user.user_id)), ...removalPlan(chosen));
  part("confirm-status").textContent = "";
  part("confirm-yes").textContent = `Remove ${count(chosen.length, "permission")}`;
  part("confirm").showModal();
}

function showOutcome({ title, complete, parts }, problem) {
  part("outcome").classList.toggle("warning", Boolean(problem) || !complete);
  part("outcome-title").textContent = title;
  part("outcome-parts").replaceChildren(...outcomeParts(parts, problem));
  part("outcome").hidden = false;
  part("outcome").scrollIntoView({ block: "nearest" });
  part("outcome-title").focus();
}

// Sends a change from a dialog. Returns the problem if it failed, or null.
async function attempt(dialog, change, user, permissions) {
  const buttons = [part(`${dialog}-yes`), part(`${dialog}-no`)];
  const disable = (yes) => buttons.forEach((button) => button.setAttribute("aria-disabled", String(yes)));
  const status = part(`${dialog}-status`);
  status.textContent = "Sending the change to the tenant…";
  status.classList.add("busy");
  disable(true);
  try {
    await change.send(user.user_id, permissions);
    return null;
  } catch (problem) {
    return problem;
  } finally {
    disable(false);
    status.classList.remove("busy");
    part(dialog).close();
  }
}

// Makes a change that the operator has confirmed in a dialog, and shows what the tenant lists afterwards.
async function carryOut(dialog, change, permissions) {
  const { user } = shown;
  const what = `${count(permissions.length, "permission")} of ${nameOf(user)}`;
  clearNotices();
  const problem = await attempt(dialog, change, user, permissions);
  const unsure = Boolean(problem?.maybe_applied);
  const now = problem && !unsure || shown.user !== user ? null : await readAgain();
  if (now) {
    showOutcome(change.outcome(permissions, now, unsure), problem);
  } else if (problem && (!unsure || shown.user !== user)) {
    showProblem(`${change.doing} ${what}:`, problem);
  } else if (shown.user !== user) { // the operator has moved on to another user
    say(`The tenant has ${change.done} ${what}.`);
  } else {
    const became = unsure ? `The tenant may have ${change.done} ${what} (${problem.message})`
      : `The tenant has ${change.done} ${what}`;
    part("problem").firstChild?.append(
      element("p", {}, `${became}, but the current permissions could not be loaded. Reload to see them.`));
  }
}

// --- what the operator does

const inactive = (event) => event.currentTarget.getAttribute("aria-disabled") === "true";

part("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = part("query").value.trim();
  if (text) {
    find(text);
  }
});

part("choices-list").addEventListener("click", (event) => {
  const userId = event.target.dataset?.user;
  if (userId && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(userId);
  }
});

part("refresh").addEventListener("click", () => {
  clearNotices();
  readAgain();
});
part("filter").addEventListener("input", applyFilter);
part("permissions").addEventListener("change", updateTools);
part("all").addEventListener("change", (event) => {
  selectable().forEach((row) => { row.box.checked = event.target.checked; });
  updateTools();
});

// Enter on a checkbox submits, too.
part("permissions").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = selected().map((row) => row.permission);
  if (chosen.length === 0) {
    say("First select the permissions to remove.");
  } else {
    showConfirmation(chosen);
  }
});

part("assign-open").addEventListener("click", () => {
  openAssign(shown.user, shown.rows.map((row) => row.permission));
});

// A dialog's buttons do nothing while a change is in flight, because it cannot be canceled.
function connect(dialog, change, permissions) {
  part(`${dialog}-yes`).addEventListener("click", (event) => {
    if (!inactive(event)) {
      carryOut(dialog, change, permissions());
    }
  });
  part(`${dialog}-no`).addEventListener("click", (event) => {
    if (!inactive(event)) {
      part(dialog).close();
    }
  });
  part(dialog).addEventListener("cancel", (event) => {
    if (part(`${dialog}-no`).getAttribute("aria-disabled") === "true") {
      event.preventDefault();
    }
  });
}

connect("confirm", removal, () => asked);
connect("assign", assignment, chosenToAssign);

function openFromAddress() {
  const userId = new URLSearchParams(location.search).get("user");
  if (userId) {
    open(userId, { push: false });
  } else {
    hideAll();
    part("query").focus();
  }
}

addEventListener("popstate", openFromAddress);

try {
  const { tenant, operator } = await api.session();
  part("tenant").textContent = tenant;
  part("operator").textContent = operator ? `You are ${operator}.`
    : "The desk has no sign-in: anyone who can reach this page may change permissions. It listens on this machine " +
      "only; before you let it listen elsewhere, put it behind your site's sign-in.";
} catch (problem) {
  showProblem("Starting:", problem);
}
openFromAddress();
