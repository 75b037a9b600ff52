// The permission desk in a real browser: what an operator sees and does, with and without a mouse, and what is refused.
// Run it with spec/desk/run. The tenant is not reset between tests (the desk's token would become invalid); each test
// makes its own users.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import {
  box, choose, confirm, control, cookies, desk, elsewhere, everythingGiven, fault, find, focused, forgetCookies, held,
  newPage, otherSite, ownHeaders, permission, removals, reports, requests, says, send, shop, show, someone,
  startBrowser,
  stopBrowser,
} from "./support.mjs";

const TIMEOUT = 60_000; // milliseconds, of a test
const ATTEMPTS = 5; // of the module, for one call
const MANY = 500;

const it = (sentence, run) => test(sentence, { timeout: TIMEOUT }, run);

let page;

before(startBrowser);
after(stopBrowser);

beforeEach(async () => {
  await control("DELETE", "/fault");
  await control("DELETE", "/requests");
  page = await newPage();
});

// No test may leave a page with complaints.
afterEach(async () => {
  await Promise.all(page.noted);
  const { complaints } = page;
  await page.close();
  assert.deepEqual(complaints, []);
});

describe("finding", () => {
  it("finds a user by e-mail address", async () => {
    const user = await someone();
    await find(page, user.email);
    await says(page, "#user-name", user.name);
    await says(page, "#user-facts", user.user_id);
    await says(page, "#status", `${user.name} has 5 permissions, 3 of them assigned directly.`);
    const [search] = (await requests()).filter((request) => request.uri.startsWith("/api/v2/users-by-email"));
    assert.match(search.uri, /[?&]email=someone\d+%40example\.com/);
  });

  it("finds a user by an id with a bar, a slash and more, which is sent as one path segment", async () => {
    const user = await someone({ user_id: "samlp|conn|a/../b?c#d e", name: "Odd" });
    await show(page, user);
    assert.equal(await page.locator(".row").count(), 5);
    for (const request of (await requests()).filter(({ uri }) => uri.startsWith("/api/v2/users/"))) {
      assert.ok(request.uri.startsWith("/api/v2/users/samlp%7Cconn%7Ca%2F..%2Fb%3Fc%23d%20e"), request.uri);
    }
    await page.reload(); // the user is in the address
    await says(page, "#user-name", "Odd");
  });

  it("offers a choice if several users have the address", async () => {
    const first = await someone();
    const second = await someone({ email: first.email, name: "The other one" });
    await find(page, first.email);
    await says(page, "#choices-title", `2 users have the e-mail address ${first.email}`);
    await page.getByRole("link", { name: second.name }).click();
    await says(page, "#user-facts", second.user_id);
    assert.equal(await page.locator("#choices").isVisible(), false);
  });

  it("goes back to the previous user with the Back button", async () => {
    const [first, second] = [await someone(), await someone()];
    await show(page, first);
    await page.getByLabel("E-mail address or user id").fill(second.user_id);
    await page.keyboard.press("Enter");
    await says(page, "#user-name", second.name);
    await page.goBack();
    await says(page, "#user-name", first.name);
  });

  it("says that there is no such user", async () => {
    for (const text of ["auth0|nobody", "nobody@example.com"]) {
      await find(page, text);
      await says(page, "#status",
        `No user in this tenant has the ${text.includes("|") ? "id" : "e-mail address"} ${text}.`);
      assert.equal(await page.locator("#user").isVisible(), false);
      assert.equal(await focused(page), "query");
    }
  });

  it("says that a user has no permissions", async () => {
    const user = await someone({ roles: [], permissions: [] });
    await show(page, user);
    await says(page, "#permissions", "This user has no permissions.");
    assert.equal(await page.locator("#tools").isVisible(), false);
  });
});

describe("the list", () => {
  it("shows each permission with its API and how it is assigned", async () => {
    await show(page, await someone());
    const groups = await page.locator(".group").evaluateAll((sections) => sections.map((section) => ({
      title: section.querySelector("header").innerText.replace(/\s+/g, " "),
      rows: [...section.querySelectorAll(".row")].map((row) => [
        row.querySelector("code").textContent,
        [...row.querySelectorAll(".badge")].map((badge) => badge.textContent).join(", "),
        row.querySelector("input").disabled ? "fixed" : "open",
      ]),
    })));
    assert.deepEqual(groups, [
      {
        title: `Example API ${reports}`,
        rows: [
          ["read:invoices", "direct", "open"],
          ["read:reports", "role Auditor", "fixed"],
          ["write:reports", "direct", "open"],
        ],
      },
      {
        title: `Shop ${shop}`,
        rows: [["read:orders", "role Cashier", "fixed"], ["refund:orders", "direct, role Cashier", "open"]],
      },
    ]);
  });

  it("says why a permission cannot be selected", async () => {
    await show(page, await someone());
    const description = await box(page, "read:orders").evaluate((input) => (
      document.getElementById(input.getAttribute("aria-describedby")).textContent));
    assert.equal(description, "Cannot be removed here: assigned only through the role Cashier.");
  });

  it("selects all direct permissions, or those that match the filter", async () => {
    await show(page, await someone());
    const names = () => page.locator(".row input:checked")
      .evaluateAll((boxes) => boxes.map((input) => JSON.parse(input.value)[1]));
    await page.getByLabel("All 3 assigned directly").check();
    assert.deepEqual(await names(), ["read:invoices", "write:reports", "refund:orders"]);
    await page.getByLabel("All 3 assigned directly").uncheck();
    await page.getByRole("searchbox", { name: "Filter" }).fill("money");
    assert.equal(await page.locator(".row:visible").count(), 1);
    await page.getByLabel("All 1 assigned directly, as filtered").check();
    assert.deepEqual(await names(), ["refund:orders"]);
    await page.getByRole("searchbox", { name: "Filter" }).fill("nothing like it");
    await says(page, "#none", "No permission matches the filter.");
    await says(page, "#selected", "1 selected, 1 of them hidden");
  });

  it("removes 500 permissions with one request", async () => {
    const scopes = Array.from({ length: MANY }, (_, index) => `scope:${String(index).padStart(3, "0")}`);
    await control("POST", "/seed", { resource_servers: [{ identifier: "urn:large", name: "Large", scopes }] });
    const user = await someone({ permissions: scopes.map((scope) => permission(scope, "urn:large")) });
    await show(page, user);
    await page.getByLabel(`All ${MANY} assigned directly`).check();
    await page.locator("#remove").click();
    await confirm(page);
    await says(page, "#outcome", `${MANY} permissions removed`);
    assert.deepEqual(await held(user), []);
    const sent = await removals();
    assert.equal(sent.length, 1);
    assert.equal(JSON.parse(sent[0].body).permissions.length, MANY);
  });

  it("shows names with HTML in them as text", async () => {
    const evil = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
    await control("POST", "/seed", {
      resource_servers: [{ identifier: `urn:${evil}`, name: evil, scopes: [{ value: evil, description: evil }] }],
      roles: [{ id: "rol_Evil", name: evil, permissions: [permission(evil, `urn:${evil}`)] }],
    });
    const user = await someone({ name: evil, roles: ["rol_Evil"], permissions: [permission(evil, `urn:${evil}`)] });
    await show(page, user);
    assert.equal(await page.locator("#user-name").textContent(), evil);
    assert.equal(await page.locator(".row code").textContent(), evil);
    await box(page, evil).check();
    await page.locator("#remove").click();
    await says(page, "#confirm-list", evil);
    await confirm(page);
    await says(page, "#outcome", `${evil} – through the role ${evil}`);
    assert.equal(await page.locator("img, body script").count(), 0);
  });

  it("fits a narrow window, even with long names", async () => {
    const long = "x".repeat(120);
    await control("POST", "/seed", { resource_servers: [{ identifier: `urn:${long}`, name: long, scopes: [long] }] });
    const user = await someone({ name: long,
      permissions: [permission(long, `urn:${long}`), permission("write:reports")] });
    await page.setViewportSize({ width: 320, height: 640 });
    const overflow = () => page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
    await show(page, user);
    assert.equal(await overflow(), 0);
    await choose(page, long);
    const dialog = await page.getByRole("dialog").boundingBox();
    assert.ok(dialog.x >= 0 && dialog.x + dialog.width <= 320, JSON.stringify(dialog));
    await confirm(page);
    await says(page, "#outcome-title", "1 permission removed");
    assert.equal(await overflow(), 0);
  });
});

describe("removing", () => {
  it("lists what will be removed and what a role still grants, removes it, and shows the tenant's new list",
    async () => {
    const user = await someone();
    await show(page, user);
    await choose(page, "write:reports", "refund:orders");
    await says(page, "#confirm-title", `Remove 2 permissions from ${user.name}?`);
    await says(page, "#confirm-list", "1 of them stays in effect: a role grants it, too.");
    await says(page, "#confirm-list li", "refund:orders – stays, through the role Cashier");
    await confirm(page);
    await says(page, "#outcome-title", "2 permissions removed");
    const parts = await page.locator("#outcome .part").evaluateAll((list) => list.map((part) => (
      [part.querySelector("h3").textContent, ...[...part.querySelectorAll("li")].map((item) => item.textContent)])));
    assert.deepEqual(parts, [
      ["No longer granted", "write:reports"],
      ["No longer assigned directly, but still granted by a role", "refund:orders – through the role Cashier"],
    ]);
    assert.deepEqual(await held(user), ["read:invoices"]);
    assert.deepEqual(await page.locator(".row code").allTextContents(),
      ["read:invoices", "read:reports", "read:orders", "refund:orders"]);
    const sent = await removals();
    assert.deepEqual(sent.map((request) => JSON.parse(request.body).permissions.map((entry) => entry.permission_name)),
      [["write:reports", "refund:orders"]]);
  });

  it("changes and sends nothing if the operator cancels", async () => {
    const user = await someone();
    await show(page, user);
    await control("DELETE", "/requests");
    await choose(page, "write:reports");
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    assert.equal(await page.getByRole("dialog").isVisible(), false);
    assert.equal(await focused(page), "remove");
    assert.equal(await box(page, "write:reports").isChecked(), true);
    assert.deepEqual(await requests(), []);
    assert.equal((await held(user)).length, 3);
  });

  it("asks the operator to select permissions first", async () => {
    await show(page, await someone());
    await page.locator("#remove").click({ force: true });
    await says(page, "#status", "First select the permissions to remove.");
    assert.equal(await page.getByRole("dialog").isVisible(), false);
  });

  it("reports what the tenant lists afterwards, even if that contradicts its 204", async () => {
    const user = await someone();
    await show(page, user);
    await fault({ kind: "status", status: 204, method: "DELETE" }); // but nothing is removed
    await choose(page, "write:reports");
    await confirm(page);
    await says(page, "#outcome-title", "0 permissions removed, 1 not");
    await says(page, "#outcome .part", /^Still assigned directly.*write:reports$/);
  });

  it("can be done with the keyboard alone", async () => {
    const user = await someone();
    const press = async (...keys) => {
      for (const key of keys) {
        await page.keyboard.press(key);
      }
    };
    const tabTo = async (target) => {
      for (let steps = 0; steps < 20 && await focused(page) !== target; steps += 1) {
        await press("Tab");
      }
      assert.equal(await focused(page), target);
    };
    await page.goto(desk.href);
    await page.waitForFunction(() => document.activeElement.id === "query");
    await page.keyboard.type(user.email);
    await press("Enter");
    await says(page, "#user-name", user.name);
    await page.waitForFunction(() => document.activeElement.id === "user-name");
    await tabTo("write:reports");
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(ring, "solid");
    await press("Space", "Enter");
    await page.getByRole("dialog").waitFor();
    assert.equal(await focused(page), "confirm-no");
    await press("Escape");
    assert.equal(await page.getByRole("dialog").isVisible(), false);
    assert.equal(await focused(page), "write:reports");
    await tabTo("refund:orders");
    await press("Space", "Enter");
    await page.getByRole("dialog").waitFor();
    await tabTo("confirm-yes");
    await press("Enter");
    await says(page, "#outcome-title", "2 permissions removed");
    await page.waitForFunction(() => document.activeElement.id === "outcome-title");
    assert.deepEqual(await held(user), ["read:invoices"]);
    await tabTo("all"); // the focus order continues in the list
  });

  it("works after the desk has forgotten the page's token", async () => {
    const user = await someone();
    await show(page, user);
    await forgetCookies(); // has the same effect as a restart of nginx
    await choose(page, "write:reports");
    await confirm(page);
    await says(page, "#outcome-title", "1 permission removed");
    assert.equal((await removals()).length, 1);
  });
});

describe("assigning", () => {
  const isAssignment = ({ method, uri }) => method === "POST" && uri !== "/oauth/token";
  const assignments = async () => (await requests()).filter(isAssignment);

  async function openAssign(user) {
    await show(page, user);
    await page.getByRole("button", { name: "Assign…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("API", { exact: true }).selectOption({ label: `Example API (${reports})` });
    await dialog.getByText("approve:invoices").waitFor();
    return dialog;
  }

  it("offers the APIs and their permissions, and says which ones the user already has", async () => {
    const dialog = await openAssign(await someone());
    assert.equal(await focused(page), "assign-api");
    assert.equal(await dialog.getByRole("checkbox", { name: "write:reports" }).isDisabled(), true);
    await says(page, "#assign-list li", /^write:reports.*Already assigned directly\.$/);
    await says(page, "#assign-list li", /^read:reports.*Already granted through the role Auditor\.$/);
    await dialog.getByLabel("API", { exact: true }).selectOption({ label: `Shop (${shop})` });
    assert.deepEqual(await dialog.locator(".row code").allTextContents(),
      ["read:orders", "refund:orders", "edit:prices"]);
    await dialog.getByRole("searchbox").fill("money");
    assert.equal(await dialog.locator(".row:visible").count(), 1);
  });

  it("assigns the selected permissions with one request, and shows the tenant's new list", async () => {
    const user = await someone();
    const dialog = await openAssign(user);
    await dialog.getByRole("checkbox", { name: "approve:invoices" }).check();
    await dialog.getByRole("checkbox", { name: "read:reports" }).check();
    await dialog.getByRole("button", { name: "Assign 2 permissions" }).click();
    await says(page, "#outcome-title", "2 permissions assigned");
    assert.deepEqual(await held(user),
      ["approve:invoices", "read:invoices", "read:reports", "refund:orders", "write:reports"]);
    const sent = await assignments();
    assert.deepEqual(sent.map((request) => JSON.parse(request.body).permissions),
      [[permission("read:reports"), permission("approve:invoices")]]);
  });

  it("sends nothing if the operator cancels", async () => {
    const dialog = await openAssign(await someone());
    await dialog.getByRole("checkbox", { name: "approve:invoices" }).check();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await focused(page), "assign-open");
    assert.deepEqual(await assignments(), []);
  });

  it("shows the tenant's reason for a refusal", async () => {
    const dialog = await openAssign(await someone());
    await fault({ kind: "status", status: 400, method: "POST", path: "/permissions",
      body: { message: "No more permissions" } });
    await dialog.getByRole("checkbox", { name: "approve:invoices" }).check();
    await dialog.getByRole("button", { name: "Assign 1 permission" }).click();
    await says(page, "#problem", "No more permissions");
    assert.equal(await dialog.isVisible(), false);
  });

  it("says if the APIs cannot be loaded", async () => {
    await show(page, await someone());
    await fault({ kind: "status", status: 403, path: "/resource%-servers" });
    await page.getByRole("button", { name: "Assign…" }).click();
    await says(page, "#assign-status", "The APIs could not be loaded:");
  });
});

describe("failures", () => {
  it("shows the tenant's reason for a refusal, and keeps the selection", async () => {
    const user = await someone();
    await show(page, user);
    const message = "Insufficient scope, expected any of: update:users";
    await fault({
      kind: "status", status: 403, method: "DELETE",
      body: { statusCode: 403, error: "Forbidden", message, errorCode: "insufficient_scope" },
    });
    await choose(page, "write:reports");
    await confirm(page);
    await says(page, "#problem h2", "The tenant responded with status 403");
    await says(page, "#problem", `Removing 1 permission of ${user.name}: ${message}`);
    await says(page, "#problem", "kind api · status 403 · code insufficient_scope · 1 attempt");
    assert.equal(await page.locator("#problem").getByText("may have").count(), 0);
    assert.equal(await box(page, "write:reports").isChecked(), true);
    assert.equal((await held(user)).length, 3);
  });

  it("shows that the tenant is unavailable", async () => {
    const user = await someone();
    await fault({ kind: "status", status: 503, path: "/users", count: 2 * ATTEMPTS });
    await find(page, user.user_id);
    await says(page, "#problem h2", "The tenant responded with status 503");
    await says(page, "#problem", `kind api · status 503 · ${ATTEMPTS} attempts`);
    assert.equal(await page.locator("main").getAttribute("aria-busy"), "false");
  });

  for (const [became, applied] of [["applied", true], ["not applied", false]]) {
    it(`says that it cannot know if the response is lost and the removal was ${became}`, async () => {
      const user = await someone();
      await show(page, user);
      await fault({ kind: "reset_before", method: "DELETE", applied, count: ATTEMPTS });
      await choose(page, "write:reports");
      await confirm(page);
      await says(page, "#outcome-title", "The removal may or may not have taken effect");
      await says(page, "#outcome", "no response came back");
      const expected = applied ? /^No longer granted.*write:reports$/ : /^Still assigned directly.*write:reports$/;
      await says(page, "#outcome .part", expected);
      assert.equal((await held(user)).includes("write:reports"), !applied);
    });
  }

  it("says what it knows if the permissions cannot be loaded after the removal", async () => {
    const user = await someone();
    await show(page, user);
    await fault({ kind: "status", status: 400, method: "GET", path: "/permissions" });
    await choose(page, "write:reports");
    await confirm(page);
    await says(page, "#problem",
      `The tenant has removed 1 permission of ${user.name}, but the current permissions could not be loaded.`);
    await page.getByRole("button", { name: "Reload" }).click();
    await says(page, "#status", `${user.name} has 4 permissions, 2 of them assigned directly.`);
    assert.equal(await page.locator("#problem").textContent(), "");
  });
});

describe("protection", () => {
  const removal = (user) => JSON.stringify({ user_id: user.user_id, permissions: [permission("write:reports")] });

  it("accepts a removal with everything that the page sends", async () => {
    const user = await someone();
    const response = await send("DELETE", "/api/permissions", { headers: await ownHeaders(), body: removal(user) });
    assert.equal(response.status, 200, response.text);
    assert.deepEqual(await held(user), ["read:invoices", "refund:orders"]);
  });

  const lacking = [
    ["without a token", { "X-CSRF-Token": undefined }],
    ["with a token of another browser", { "X-CSRF-Token": "R2S+RXhOL+kOFqP/cxlvRkCuAl0=" }],
    ["without the cookie", { Cookie: undefined }],
    ["with another cookie", { Cookie: `permission_desk=${"0".repeat(32)}` }],
    ["without an origin", { Origin: undefined }],
    ["from another origin", { Origin: "https://elsewhere.test" }],
    ["from another port of this machine", { Origin: "http://127.0.0.1:1" }],
    ["from an opaque origin", { Origin: "null" }],
    ["from another site, according to the browser", { "Sec-Fetch-Site": "cross-site" }],
    ["from a sibling site, according to the browser", { "Sec-Fetch-Site": "same-site" }],
    ["as plain text from a form", { "Content-Type": "text/plain" }, 415],
    ["as a form", { "Content-Type": "application/x-www-form-urlencoded" }, 415],
    ["for another host name", { Host: "elsewhere.test", Origin: "http://elsewhere.test" }, 421],
  ];
  for (const [how, changes, status = 403] of lacking) {
    it(`refuses a removal ${how}, and sends nothing to the tenant`, async () => {
      const user = await someone();
      const headers = Object.entries({ ...await ownHeaders(), ...changes }).filter(([, value]) => value !== undefined);
      const response = await send("DELETE", "/api/permissions",
        { headers: Object.fromEntries(headers), body: removal(user) });
      assert.equal(response.status, status, response.text);
      assert.deepEqual(await requests(), []);
      assert.equal((await held(user)).length, 3);
    });
  }

  it("refuses requests that a page of another site makes the browser send", async () => {
    const user = await someone();
    await page.goto(desk.href); // so that the browser has the cookie
    const site = await otherSite(`<!doctype html><title>Elsewhere</title>
      <form action="${desk.href}api/permissions" method="post" enctype="text/plain">
      <input name="x"><button>Win</button></form>`);
    const sent = [];
    page.on("request", (request) => sent.push(`${request.method()} ${new URL(request.url()).pathname}`));
    try {
      await page.goto(site.address);
      const responses = await page.evaluate(async ([address, body]) => {
        const ask = (where, options) => fetch(address + where, { credentials: "include", ...options })
          .then(String, () => "refused");
        return [
          await ask("api/permissions", { method: "DELETE", body, headers: { "Content-Type": "application/json" } }),
          await ask("api/permissions",
            { method: "POST", mode: "no-cors", body, headers: { "Content-Type": "text/plain" } }),
          await ask("api/users?id=auth0%7Csomeone", { mode: "no-cors" }),
        ];
      }, [desk.href, removal(user)]);
      assert.deepEqual(responses, ["refused", "refused", "refused"]);
      const [response] = await Promise.all([page.waitForNavigation(), page.getByRole("button").click()]);
      assert.equal(response.status(), 403);
    } finally {
      site.close();
    }
    assert.deepEqual(sent,
      ["GET /", "DELETE /api/permissions", "POST /api/permissions", "GET /api/users", "POST /api/permissions"]);
    assert.deepEqual(await requests(), []);
  });

  it("does not respond under a foreign name that resolves to 127.0.0.1", async () => {
    assert.equal((await page.goto(elsewhere)).status(), 421);
    assert.equal(await page.locator("#search").count(), 0);
  });

  const one = permission("write:reports");
  const malformed = [
    ["", "the body is not JSON"],
    ["{", "the body is not JSON"],
    ["7", "the body is not a JSON object"],
    [{ permissions: [one] }, "user_id: expected a string of at most 1024 bytes"],
    [{ user_id: 7, permissions: [one] }, "user_id: expected a string of at most 1024 bytes"],
    [{ user_id: "auth0|x" }, "permissions: expected a list of at least one permission"],
    [{ user_id: "auth0|x", permissions: [] }, "permissions: expected a list of at least one permission"],
    [{ user_id: "auth0|x", permissions: { 1: one } }, "permissions: expected a list of at least one permission"],
    [{ user_id: "auth0|x", permissions: [one, null] }, "permissions[2]: expected an object"],
    [{ user_id: "auth0|x", permissions: [{ permission_name: "a" }] },
      "permissions[1].resource_server_identifier: expected a string of at most 1024 bytes"],
    [{ user_id: "auth0|x", permissions: [{ ...one, extra: 1 }] }, 'permissions[1] has no member "extra"'],
    [{ user_id: "auth0|x", permissions: [one], force: true }, 'the body has no member "force"'],
    [{ user_id: "auth0|x", permissions: Array(1001).fill(one) },
      "permissions: 1001 given, but a user can hold at most 1000"],
  ];
  it("refuses malformed removals with a reason, and sends nothing to the tenant", async () => {
    const headers = await ownHeaders();
    for (const [value, message] of malformed) {
      const body = typeof value === "string" ? value : JSON.stringify(value);
      const response = await send("DELETE", "/api/permissions", { headers, body });
      assert.equal(response.status, 400, response.text);
      assert.deepEqual(response.json, { error: { kind: "desk", message } });
    }
    const large = await send("DELETE", "/api/permissions", { headers, body: `"${"x".repeat(1_100_000)}"` });
    assert.equal(large.status, 413);
    assert.equal(large.json.error.kind, "desk");
    assert.match(large.headers["content-security-policy"], /default-src 'self'.*frame-ancestors 'none'/);
    for (const id of [".", "..", "%ff"]) {
      const response = await send("GET", `/api/permissions?user_id=${id}`);
      assert.equal(response.status, 400, response.text);
    }
    for (const where of ["permissions", "permissions?user_id=", "permissions?user_id=a&user_id=b", "users?x=1"]) {
      assert.equal((await send("GET", `/api/${where}`)).status, 400, where);
    }
    assert.equal((await send("GET", "/api/nothing")).status, 404);
    assert.equal((await send("PUT", "/api/permissions")).headers.allow, "GET, POST, DELETE");
    assert.deepEqual((await requests()).filter(({ uri }) => uri !== "/oauth/token"), []);
  });

  it("sends its security headers with every response", async () => {
    for (const where of ["/", "/desk.js", "/desk.css", "/api/session", "/api/nothing", "/nothing"]) {
      const { headers } = await send("GET", where);
      assert.match(headers["content-security-policy"], /default-src 'self'; .*frame-ancestors 'none'/, where);
      assert.doesNotMatch(headers["content-security-policy"], /unsafe|\*/, where);
      assert.equal(headers["x-content-type-options"], "nosniff", where);
      assert.equal(headers["referrer-policy"], "no-referrer", where);
      assert.equal(headers["access-control-allow-origin"], undefined, where);
      const caching = where.startsWith("/api/") ? "no-store" : "no-cache";
      assert.equal(headers["cache-control"], where === "/nothing" ? undefined : caching);
    }
    await page.goto(desk.href);
    await says(page, "#tenant", process.env.AUTH0_DOMAIN);
    const [cookie] = await cookies();
    assert.equal(cookie.httpOnly, true);
    assert.equal(cookie.sameSite, "Strict");
  });

  it("does not give the browser the client secret or an access token", async () => {
    const user = await someone();
    await find(page, user.email);
    await says(page, "#user-name", user.name);
    await fault({ kind: "status", status: 400, method: "DELETE" });
    await choose(page, "write:reports");
    await confirm(page);
    await says(page, "#problem h2", "The tenant responded with status 400");
    await Promise.all(page.noted);
    const token = (request) => request.headers.authorization?.replace("Bearer ", "");
    const tokens = (await requests()).map(token).filter(Boolean);
    assert.ok(tokens.length > 0);
    const given = everythingGiven();
    const holding = (text) => given.filter((entry) => entry.text.includes(text)).map((entry) => entry.url);
    assert.notDeepEqual(holding(user.user_id), []); // proves that this searches what the browser was given
    for (const secret of [process.env.AUTH0_CLIENT_SECRET, ...tokens]) {
      assert.deepEqual(holding(secret), []);
    }
  });
});
