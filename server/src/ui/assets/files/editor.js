// The text's faults lead to their lines.
const text = document.querySelector("#toml");

document.querySelector("#beside").addEventListener("click", (event) => {
  const line = Number(event.target.closest("[data-line]")?.dataset.line);
  if (!line) return;
  event.preventDefault();
  const lines = text.value.split("\n");
  const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(from, from + lines[line - 1].length);
  text.scrollTop = (line - 4) * parseFloat(getComputedStyle(text).lineHeight);
});

// Leaving with unsaved words asks once.
const before = text.value;
let sent = false;
// What is typed into a start's form is not in the text before the text was filled: nobody sends the one and means the other.
const fill = document.querySelector("form.fill");
const chosen = (select) => Math.max(0, [...select.options].findIndex((option) => option.defaultSelected));
const isChanged = (it) => (it.options ? it.selectedIndex !== chosen(it) : it.value !== it.defaultValue);
text.form.addEventListener("submit", (event) => {
  const changed = fill && [...fill.querySelectorAll("input:not([type=hidden]), textarea, select")].find(isChanged);
  if (!changed || event.submitter?.value === "check") {
    sent = true;
    return;
  }
  event.preventDefault();
  document.querySelector("#unfilled")?.remove();
  const words = document.createElement("p");
  words.id = "unfilled";
  words.className = "notice bad";
  words.setAttribute("role", "alert");
  words.textContent = `The form has words that are not in the text yet (${changed.labels[0].textContent}). Press "Fill the text" first, or take them back.`;
  event.submitter.closest(".row").before(words);
  fill.querySelector("button").focus();
});
fill?.addEventListener("submit", () => { sent = true; });
addEventListener("beforeunload", (event) => {
  if (!sent && text.value !== before) event.preventDefault();
});
