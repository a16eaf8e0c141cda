// What pages do beyond being read: keys, copying, filters that show at once. All of it works without.
const typing = (at) => at.closest?.("input, textarea, select, [contenteditable]");

const places = { h: "/", t: "/tickets", o: "/hooks", i: "/instances", p: "/packets", a: "/audit", d: "/admin" };
let going = 0;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && typing(event.target)) {
    event.target.blur();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (going && Date.now() - going < 1500) {
    going = 0;
    // Only where the page itself offers to go.
    if (event.key in places && (event.key === "h" || document.querySelector(`nav a[href="${places[event.key]}"]`))) {
      event.preventDefault();
      location.assign(places[event.key]);
    }
    return;
  }
  const act = {
    "/": () => document.querySelector("#q")?.focus(),
    "?": () => location.assign("/help"),
    g: () => { going = Date.now(); },
    n: () => document.querySelector("[data-key=n]")?.click(),
  }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

// A filter shows what it chose without its button. By keyboard each arrow would be a choice: there the button does it.
let byKeys = false;
document.addEventListener("keydown", () => { byKeys = true; }, true);
document.addEventListener("pointerdown", () => { byKeys = false; }, true);
document.addEventListener("change", (event) => {
  if (!byKeys && event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// A click on an id or a command copies it whole.
document.addEventListener("click", async (event) => {
  const at = event.target.closest("[data-copy]");
  if (!at) return;
  const text = at.dataset.copy || at.textContent;
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    getSelection()?.selectAllChildren(at);
  }
});

// What cannot be undone asks once, by naming the thing.
document.addEventListener("submit", (event) => {
  const words = event.submitter?.dataset.asks ?? event.target.dataset.asks;
  if (words && !confirm(words)) event.preventDefault();
});

// One line at the foot of the page, read out where the page is read out.
export function say(words) {
  let line = document.querySelector("#say");
  if (!line) {
    line = document.createElement("p");
    line.id = "say";
    line.setAttribute("role", "status");
    document.body.append(line);
  }
  line.textContent = words;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { line.textContent = ""; }, 4000);
}

// Relative times grow old on a page that stays open.
const units = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1_000, "s"]];
function relative(ms) {
  const size = Math.abs(ms);
  if (size < 5_000) return "now";
  if (size >= 60 * 86_400_000) return null;
  const [unit, word] = units.find(([unit]) => size >= unit);
  const long = `${Math.floor(size / unit)} ${word}`;
  return ms > 0 ? `${long} ago` : `in ${long}`;
}
setInterval(() => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const words = relative(Date.now() - Date.parse(time.dateTime));
    if (words && words !== time.textContent) time.textContent = words;
  }
}, 15_000);

// A page that is watched is fetched again when the server says that it changed; a page that was asleep catches up. So is
// it at the first word, since it may have changed between its making and the first look.
const live = document.querySelector("[data-live]");
if (live) {
  let told = null;
  let busy = false;
  let again = false;
  const source = new EventSource(live.dataset.live);
  const changed = (event) => {
    if (event.data === told) return;
    told = event.data;
    refresh();
  };
  source.addEventListener("hook", changed);
  source.addEventListener("ticket", changed);
  // Refused rather than cut off: the browser does not try again.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) say("This page no longer follows what happens. Open it again.");
  });
  // What was told is not shown yet: it is asked for again. An error's page never stands in this one's place.
  const failed = () => {
    told = null;
    setTimeout(refresh, 3_000);
  };
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx?.target?.id === "live") failed();
  });
  document.addEventListener("htmx:before:response", (event) => {
    const { target, response } = event.detail.ctx;
    if (target?.id !== "live" || response.status < 400) return;
    event.preventDefault();
    if (response.status < 500) say("This page no longer follows what happens. Open it again.");
    else failed();
  });
  async function refresh() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    const before = { ...document.querySelector("#state-now")?.dataset };
    try {
      await htmx.ajax("GET", location.href, { target: "#live", select: "#live", swap: "outerMorph" });
    } finally {
      busy = false;
    }
    const now = { ...document.querySelector("#state-now")?.dataset };
    // The last signature came from elsewhere: on to the hook.
    if (before.state === "in review" && now.state === "published" && now.bytes === before.bytes) location.assign(location.pathname.replace(/\/review$/, ""));
    else if (before.state !== now.state || before.bytes !== now.bytes) changedUnder(before, now);
    if (again) {
      again = false;
      refresh();
    }
  }
}

// What one reads has changed under one's eyes: that is said on top, and nothing of it can be signed any more. What is
// typed stays until the page is opened anew.
function changedUnder(before, now) {
  document.querySelector("#changed")?.remove();
  const notice = document.createElement("p");
  notice.id = "changed";
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  const on = document.createElement("a");
  on.href = location.pathname;
  on.textContent = "Open it as it is now";
  const words = before.state !== now.state ? `it is ${document.querySelector("#state-now").textContent}`
    : now.state === "in review" ? "its author has sent a newer text to review, and signatures of the older one count no more"
    : "a newer revision has begun";
  notice.append(`This changed while you had it open: ${words}. `, on);
  document.querySelector("main h1").closest(".head").after(notice);
  for (const button of document.querySelectorAll("#sign, #hold")) button.disabled = true;
  const box = document.querySelector("#signing");
  if (box) box.inert = true;
}

// A file that a form takes as text: its bytes as base64.
for (const file of document.querySelectorAll("input[type=file][data-into]")) {
  file.closest("[hidden]")?.removeAttribute("hidden");
  file.addEventListener("change", async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    let text = "";
    for (const byte of new Uint8Array(await chosen.arrayBuffer())) text += String.fromCharCode(byte);
    document.getElementById(file.dataset.into).value = btoa(text).replace(/.{76}/g, "$&\n");
  });
}
