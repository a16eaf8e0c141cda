// Lines of a file: `#L10-L20` marks a range, shift and a click make one, and a line of another part is gone to.
const table = document.querySelector("[data-lines]");

function range() {
  const found = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash);
  if (!found) return null;
  const [from, to] = [Number(found[1]), Number(found[2] ?? found[1])];
  return from <= to ? [from, to] : [to, from];
}

function mark() {
  for (const row of document.querySelectorAll("tr.marked")) row.classList.remove("marked");
  const wanted = range();
  if (!wanted) return;
  // The line that the page was opened at is another one than those that the link means.
  for (const row of document.querySelectorAll("tr.here")) row.classList.remove("here");
  const first = document.getElementById(`L${wanted[0]}`);
  if (!first) {
    const address = new URL(location);
    // Asked for once: a line beyond the end is nowhere.
    if (address.searchParams.get("from") === String(wanted[0])) return;
    address.searchParams.set("as", "text");
    address.searchParams.set("from", wanted[0]);
    location.replace(address);
    return;
  }
  for (let row = first; row; row = row.nextElementSibling) {
    // A long line is several rows: L7, L7.8192.
    if (parseInt(row.id.slice(1), 10) > wanted[1]) break;
    row.classList.add("marked");
  }
  first.scrollIntoView({ block: "center" });
}

table?.addEventListener("click", (event) => {
  const link = event.target.closest("td:first-child a");
  const begin = range();
  if (!link || !event.shiftKey || !begin) return;
  event.preventDefault();
  const line = parseInt(link.hash.slice(2), 10);
  const [from, to] = line < begin[0] ? [line, begin[0]] : [begin[0], line];
  location.hash = `#L${from}-L${to}`;
});

addEventListener("hashchange", mark);
if (location.hash) mark();
else document.querySelector("tr.here")?.scrollIntoView({ block: "center" });
