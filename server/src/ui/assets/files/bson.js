// Reads BSON as far as hooks use it, so that what is signed can be shown from the very bytes. Unknown types are refused.
const utf8 = new TextDecoder("utf-8", { fatal: true });

export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [value, end] = document(view, bytes, 0, bytes.length, 0);
  if (end !== bytes.length) throw new Error("more bytes follow");
  return value;
}

// `limit` is where what is around it ends.
function document(view, bytes, at, limit, depth) {
  if (depth > 32) throw new Error("nested too deeply");
  const end = at + view.getInt32(at, true);
  if (end < at + 5 || end > limit || bytes[end - 1] !== 0) throw new Error("cut off");
  const out = [];
  at += 4;
  while (bytes[at] !== 0) {
    const type = bytes[at++];
    const zero = bytes.indexOf(0, at);
    const name = utf8.decode(bytes.subarray(at, zero));
    const [value, next] = element(type, view, bytes, zero + 1, end - 1, depth + 1);
    if (next > end - 1) throw new Error("a value passes its document's end");
    out.push([name, value]);
    at = next;
  }
  if (at + 1 !== end) throw new Error("lengths do not fit");
  return [out, end];
}

function element(type, view, bytes, at, limit, depth) {
  switch (type) {
    case 0x01: return [view.getFloat64(at, true), at + 8];
    case 0x02: {
      const length = view.getInt32(at, true);
      if (length < 1 || bytes[at + 3 + length] !== 0) throw new Error("a text without its end");
      return [utf8.decode(bytes.subarray(at + 4, at + 3 + length)), at + 4 + length];
    }
    case 0x03: return document(view, bytes, at, limit, depth);
    case 0x04: {
      const [entries, next] = document(view, bytes, at, limit, depth);
      return [{ list: entries.map(([, value]) => value) }, next];
    }
    case 0x05: {
      const length = view.getInt32(at, true);
      if (length < 0) throw new Error("bytes without a length");
      const hex = [...bytes.subarray(at + 5, at + 5 + length)].map((b) => b.toString(16).padStart(2, "0")).join("");
      return [{ hex }, at + 5 + length];
    }
    case 0x08:
      if (bytes[at] > 1) throw new Error("neither true nor false");
      return [bytes[at] === 1, at + 1];
    case 0x09: return [{ time: new Date(Number(view.getBigInt64(at, true))).toISOString() }, at + 8];
    case 0x0a: return [null, at];
    case 0x10: return [view.getInt32(at, true), at + 4];
    case 0x12: return [view.getBigInt64(at, true), at + 8];
    default: throw new Error(`unknown type ${type}`);
  }
}

// Indented lines, as the bytes have their order. Names and texts stay within their line, and characters that hide, turn or
// take no room are shown by their number: the same ones as on every page.
export function lines(value, depth = 0) {
  const pad = "  ".repeat(depth);
  if (Array.isArray(value)) {
    if (value.length === 0) return " (nothing)\n";
    return "\n" + value.map(([name, inner]) => `${pad}${named(name)}:${lines(inner, depth + 1)}`).join("");
  }
  if (value && typeof value === "object" && "list" in value) {
    if (value.list.length === 0) return " (none)\n";
    return "\n" + value.list.map((inner) => `${pad}-${lines(inner, depth + 1)}`).join("");
  }
  if (value && typeof value === "object") return ` ${value.time ?? value.hex}\n`;
  return ` ${typeof value === "string" ? quoted(value) : String(value)}\n`;
}

const named = (text) => (/^[A-Za-z0-9_.-]+$/.test(text) ? text : quoted(text));

const quoted = (text) =>
  JSON.stringify(text).replace(/[\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu,
    (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
