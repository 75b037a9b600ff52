// Helpers of the desk's spec: the browser, the tenant's control side, and requests that no browser would send.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

export const WAIT = 20_000; // milliseconds, for something to appear
export const desk = new URL(process.env.DESK_ADDRESS);
export const elsewhere = `http://elsewhere.test:${desk.port}/`; // a foreign name that resolves to 127.0.0.1

export const reports = "https://api.example.com/";
export const shop = "https://shop.example.com/api";
export const permission = (permission_name, resource_server_identifier = reports) => ({
  resource_server_identifier,
  permission_name,
});

// --- the tenant

export async function control(method, where, data) {
  const response = await fetch(process.env.TENANT_CONTROL + where, {
    method, body: data && JSON.stringify(data), signal: AbortSignal.timeout(WAIT),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

export const fault = (fields) => control("POST", "/fault", fields);
export const requests = () => control("GET", "/requests");
export const removals = async () => (await requests()).filter((request) => request.method === "DELETE");

// The names of the user's direct permissions, according to the tenant.
export async function held(user) {
  const kept = await control("GET", `/users/${encodeURIComponent(user.user_id)}`);
  return kept.permissions.map((entry) => entry.permission_name).sort();
}

let serial = 0;

// Creates a user with three direct permissions, one of which a role grants, too, and others that only roles grant.
export async function someone(changes) {
  serial += 1;
  const user = {
    user_id: `auth0|someone${serial}`,
    email: `someone${serial}@example.com`,
    name: `Someone ${serial}`,
    roles: ["rol_Auditor0000000001", "rol_Cashier0000000001"],
    permissions: [permission("write:reports"), permission("refund:orders", shop), permission("read:invoices")],
    ...changes,
  };
  await control("POST", "/seed", { users: [user] });
  return user;
}

// --- the browser

let context, folder;
const given = []; // every response that the browser got: {url, text}

// The browser may never tell the body of a response to a page that was left meanwhile.
const inTime = (promise) => Promise.race([promise, new Promise((_, reject) => {
  setTimeout(() => reject(new Error("the browser does not tell")), WAIT).unref();
})]);

async function note(response) {
  const headers = await inTime(response.headersArray()).catch(() => []);
  const body = await inTime(response.body()).catch(() => ""); // no body: a redirect, or a page that was left
  given.push({ url: response.url(), text: JSON.stringify(headers) + body.toString() });
}

export async function startBrowser() {
  folder = await mkdtemp(path.join(tmpdir(), "desk-chromium-"));
  context = await chromium.launchPersistentContext(folder, {
    executablePath: "/usr/bin/chromium",
    handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP elsewhere.test 127.0.0.1"],
  });
  context.setDefaultTimeout(WAIT);
}

// A run that is ended by a signal leaves no browser behind.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, async () => {
    await stopBrowser();
    process.exit(1);
  });
}

export async function stopBrowser() {
  await context?.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

export const forgetCookies = () => context.clearCookies();
export const cookies = () => context.cookies();
export const everythingGiven = () => given;

// Opens a page. `page.complaints` collects its errors and what its content security policy blocked.
export async function newPage(viewport = { width: 1000, height: 800 }) {
  const page = await context.newPage();
  await page.setViewportSize(viewport);
  page.complaints = [];
  page.noted = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    page.complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted/.test(message.text())) {
      page.complaints.push(message.text());
    }
  });
  page.on("response", (response) => page.noted.push(note(response)));
  return page;
}

// Waits until a part of the page contains a text, or matches a pattern.
export async function says(page, selector, text) {
  const part = page.locator(selector);
  try {
    await part.filter({ hasText: text }).first().waitFor();
  } catch {
    assert.fail(`${selector} says ${JSON.stringify(await part.allTextContents())}, not ${text}`);
  }
}

export const focused = (page) => page.evaluate(() => {
  const { id, value, tagName, type } = document.activeElement;
  return type === "checkbox" && !id ? JSON.parse(value)[1] : id || tagName;
});

// Opens the desk and finds a user.
export async function find(page, text) {
  await page.goto(desk.href);
  await page.getByLabel("E-mail address or user id").fill(text);
  await page.getByRole("button", { name: "Find" }).click();
}

export async function show(page, user) {
  await find(page, user.user_id);
  await says(page, "#user-name", user.name);
}

export const box = (page, name) => page.getByRole("checkbox", { name, exact: false });

// Selects permissions, and opens the confirmation.
export async function choose(page, ...names) {
  for (const name of names) {
    await box(page, name).check();
  }
  await page.locator("#remove").click();
  await page.getByRole("dialog").waitFor();
}

export const confirm = (page) => page.getByRole("dialog").getByRole("button", { name: /^Remove/ }).click();

// --- requests without a browser

// Sends a request to the desk: {status, headers, text, json}.
export function send(method, where, { headers = {}, body = "" } = {}) {
  const options = {
    host: desk.hostname, port: desk.port, method, path: where, timeout: WAIT,
    headers: { ...headers, "Content-Length": Buffer.byteLength(body) },
  };
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        const json = /^application\/json/.test(response.headers["content-type"] ?? "") ? JSON.parse(text) : undefined;
        resolve({ status: response.statusCode, headers: response.headers, text, json });
      });
    });
    request.on("timeout", () => request.destroy(new Error("no response from the desk")));
    request.on("error", reject);
    request.end(body);
  });
}

// The headers of a change that the desk's own page makes.
export async function ownHeaders() {
  const session = await send("GET", "/api/session");
  return {
    "Content-Type": "application/json",
    "Origin": desk.origin,
    "Cookie": session.headers["set-cookie"][0].split(";")[0],
    "X-CSRF-Token": session.json.csrf_token,
  };
}

// A site of another origin on this machine: serves one page until `close` is called.
export async function otherSite(html) {
  const server = http.createServer((_, response) => response.setHeader("Content-Type", "text/html").end(html));
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
