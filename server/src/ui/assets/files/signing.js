// Signing in the browser: an Ed25519 key that no script can read out, kept in IndexedDB, over the very bytes that are shown.
import { decode, lines } from "./bson.js";

const csrf = () => document.querySelector("meta[name=boathook-csrf]").content;
const hex = (bytes) => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const sha256 = (bytes) => crypto.subtle.digest("SHA-256", bytes);

// ---- the key ----

function database() {
  return new Promise((done, failed) => {
    const open = indexedDB.open("boathook", 1);
    open.onupgradeneeded = () => open.result.createObjectStore("keys");
    open.onsuccess = () => done(open.result);
    open.onerror = () => failed(open.error);
  });
}

async function stored(mode, act) {
  const db = await database();
  try {
    return await new Promise((done, failed) => {
      const tx = db.transaction("keys", mode, { durability: "strict" });
      const request = act(tx.objectStore("keys"));
      tx.oncomplete = () => done(request.result);
      tx.onerror = tx.onabort = () => failed(tx.error);
    });
  } finally {
    db.close();
  }
}

export const keyOf = (person) => stored("readonly", (keys) => keys.get(person));

// `instead`: the id of the key that the new one takes the place of.
export async function makeKey(person, instead) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  const key = { pair, raw: new Uint8Array(raw), id: hex(await sha256(raw)) };
  // Two windows at once: the first one's key is the key.
  await stored("readwrite", (keys) => {
    const there = keys.get(person);
    there.onsuccess = () => {
      if (!there.result || there.result.id === instead) keys.put(key, person);
    };
    return there;
  });
  return keyOf(person);
}

export const publicText = (key) => `ed25519:${base64(key.raw)}`;

export async function askAdmission(key) {
  return send("/api/v1/trust/admissions", { key: publicText(key), place: "browser", comment: navigator.userAgent.slice(0, 200) });
}

// What the server did not do, in its words; none came when `status` is 0.
class Refused extends Error {
  constructor(words, status, field) {
    super(words);
    this.status = status;
    this.field = field;
  }
}

export async function send(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "boathook-csrf": csrf() },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Refused("no answer came from the server", 0);
  }
  const json = await answer.json().catch(() => ({}));
  const expected = json.expected ? `; expected: ${json.expected}` : "";
  if (!answer.ok) throw new Refused(json.detail ? json.detail + expected : `the server answered ${answer.status}`, answer.status, json.field);
  return json;
}

// ---- refusals ----

const again = () => link("Look at it as it is now", location.pathname);

// What happened, and what to do. `over`: nothing on this page can be signed any more.
function refusal(error) {
  switch (error.status) {
    case 0: return { over: true, words: "No answer came: it may be signed or not.", way: again() };
    case 401: return { over: true, words: "Not signed: you are signed out.", way: link("Sign in, and come back here", `/sign-in?to=${encodeURIComponent(location.pathname)}`) };
    case 403: return { over: true, words: `Not signed: you may not sign this. ${sentence(error.message)}` };
    case 404: return { over: true, words: "Not signed: it is gone, or of a customer that you do not work for any more." };
    case 409: return { over: true, words: `Not signed: ${error.message}.`, way: again() };
    case 422:
      if (error.field === "digest") return { over: true, words: "Not signed: the text was changed after you opened this page. Read it again before you sign.", way: again() };
      if (error.field === "keyid") return { over: true, words: "Not signed: your key in this browser is not admitted any more.", way: again() };
      return { over: false, words: `Not signed: ${error.message}.` };
    case 429:
    case 503: return { over: false, words: "Not signed: the server is busy. Nothing was lost; try again in a moment." };
    default: return { over: false, words: `Not signed: ${error.message}.` };
  }
}

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + ".";

function link(words, to) {
  const out = document.createElement("a");
  out.href = to;
  out.textContent = words;
  return out;
}

const buttons = () => document.querySelectorAll("#sign, #hold");

function tell({ over, words, way }) {
  const at = document.querySelector("#signed");
  at.className = "notice bad";
  at.replaceChildren(words, ...(way ? [" ", way] : []));
  for (const it of buttons()) it.disabled = over;
}

// ---- the bytes ----

const box = document.querySelector("#signing");
const here = document.querySelector("#digest-here");

async function payload() {
  const { hook, revision } = box.dataset;
  const answer = await fetch(`/api/v1/hooks/${encodeURIComponent(hook)}/revisions/${revision}/payload`);
  if (!answer.ok) throw new Error("the bytes cannot be fetched: open the page again");
  return new Uint8Array(await answer.arrayBuffer());
}

// DSSE v1's pre-authentication encoding.
function pae(type, bytes) {
  const text = new TextEncoder();
  const head = text.encode(`DSSEv1 ${text.encode(type).length} ${type} ${bytes.length} `);
  const out = new Uint8Array(head.length + bytes.length);
  out.set(head);
  out.set(bytes, head.length);
  return out;
}

// ---- the page ----

async function begin() {
  const { person, digest, type, hook, revision, admitted } = box.dataset;
  const $ = (id) => document.querySelector(id);
  const say = (words) => { $("#key-now").textContent = words; };
  box.querySelector(".needs-script").hidden = true;
  box.querySelector(".with-script").hidden = false;
  const bytes = await payload();
  const computed = hex(await sha256(bytes));
  if (computed !== digest) {
    here.className = "notice bad";
    here.textContent = `This browser computed ${computed}: these are other bytes than the page speaks of. Open it again; sign nothing.`;
    return;
  }
  here.className = "notice good";
  here.textContent = `SHA-256 computed in this browser: ${computed}, the same.`;
  const decoded = $("#decoded");
  decoded.hidden = false;
  decoded.querySelector("pre").textContent = lines(decode(bytes)).trimStart();

  let key = await keyOf(person);
  const ids = admitted.split(" ").filter(Boolean);
  const make = (words) => button(words, async () => {
    key = await makeKey(person, key?.id);
    waiting(key);
    await askAdmission(key);
  });
  if (!key) {
    say("This browser has no key of yours yet.");
    make("Make a key in this browser");
    return;
  }
  const revoked = [...document.querySelectorAll("#revoked [data-key]")].find((it) => it.dataset.key === key.id);
  if (revoked) {
    say(`Your key ${key.id.slice(0, 12)}… in this browser no longer signs: it was revoked (${revoked.textContent}). What it signed counts no more. If this browser is yours alone, make a new key here and have it admitted; else sign elsewhere.`);
    make("Make a new key in this browser");
    return;
  }
  if (!ids.includes(key.id)) {
    waiting(key);
    return;
  }
  say(`Signs with your key ${key.id.slice(0, 12)}…, kept in this browser.`);
  for (const [id, hold] of [["#sign", false], ["#hold", true]]) {
    const it = $(id);
    it.disabled = false;
    it.addEventListener("click", async () => {
      for (const each of buttons()) each.disabled = true;
      try {
        const signature = await crypto.subtle.sign({ name: "Ed25519" }, key.pair.privateKey, pae(type, bytes));
        await send(`/api/v1/hooks/${encodeURIComponent(hook)}/signatures`, { revision: Number(revision), digest: computed, keyid: key.id, sig: base64(signature), hold });
        location.assign(`/hooks/${encodeURIComponent(hook)}/review?revision=${revision}`);
      } catch (error) {
        tell(refusal(error));
      }
    });
  }
}

function waiting(key) {
  const say = document.querySelector("#key-now");
  say.replaceChildren(
    "Your key in this browser is not admitted yet. Tell the holders of the admission keys its fingerprint, by a way other than this site: ",
    code(key.id),
    ". They run: ",
    code(`boathook roster add roster.bson ${box.dataset.person} --place browser --key ${publicText(key)}`),
    " Once they have, load this page again.",
  );
  button("Ask for admission again", async () => { await askAdmission(key); });
}

function code(text) {
  const out = document.createElement("code");
  out.textContent = text;
  out.dataset.copy = text;
  return out;
}

function button(words, act) {
  document.querySelector("#key-act")?.remove();
  const out = document.createElement("button");
  out.type = "button";
  out.id = "key-act";
  out.textContent = words;
  out.addEventListener("click", async () => {
    out.disabled = true;
    try {
      await act();
    } catch (error) {
      const at = document.querySelector("#signed");
      at.className = "notice bad";
      at.textContent = error.message;
    }
    out.disabled = false;
  });
  document.querySelector("#key-now").after(out);
}

if (box?.dataset.digest) {
  begin().catch((error) => {
    here.className = "notice bad";
    here.textContent = error.message;
  });
}
