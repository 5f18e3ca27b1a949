// How a value is written in a place of a page, so that it stays a value: the escapers of Go's html/template.
//
//   P.templateEscapers      by name; templatehtml.js knows which one a place needs
//   P.SafeHTML              a text that is HTML already (`raw`)
//   P.htmlEscaped(text)     as Go's template.HTMLEscapeString

const FAILSAFE = "ZgotmplZ";
const URLS = new Set([
    "action", "archive", "background", "cite", "classid", "codebase", "data", "formaction", "href", "icon", "longdesc",
    "manifest", "poster", "profile", "src", "usemap", "xmlns",
]);

class SafeHTML {
    constructor(html) { this.html = html; }
    string() { return this.html; }
    toString() { return this.html; }
}
P.SafeHTML = SafeHTML;

// -- escapers -----------------------------------------------------------------------------------------------------------

const PLAIN = { "\0": "\ufffd", "\"": "&#34;", "&": "&amp;", "'": "&#39;", "+": "&#43;", "<": "&lt;", ">": "&gt;" };
const replacer = (table) => {
    const some = new RegExp(`[${Object.keys(table).map((c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0")).join("")}]`, "g");
    const any = new RegExp(some.source);
    return (text) => (any.test(text) ? text.replace(some, (c) => table[c]) : text);
};
const html = replacer(PLAIN);
const { "&": _, ...NORMAL } = PLAIN;
const normal = replacer(NORMAL);
const unquoted = replacer({
    "\0": "&#xfffd;", "\t": "&#9;", "\n": "&#10;", "\v": "&#11;", "\f": "&#12;", "\r": "&#13;", " ": "&#32;", "\"": "&#34;",
    "&": "&amp;", "'": "&#39;", "+": "&#43;", "<": "&lt;", "=": "&#61;", ">": "&gt;", "`": "&#96;",
});
P.htmlEscaped = replacer({ "\0": "\ufffd", "\"": "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;" });

const JS = {
    "\0": "\\u0000", "\t": "\\t", "\n": "\\n", "\v": "\\u000b", "\f": "\\f", "\r": "\\r", "\"": "\\u0022", "`": "\\u0060",
    "&": "\\u0026", "'": "\\u0027", "+": "\\u002b", "/": "\\/", "<": "\\u003c", ">": "\\u003e", "\\": "\\\\",
    "\u2028": "\\u2028", "\u2029": "\\u2029",
};
const jsText = replacer(JS);
const jsTemplate = replacer({ ...JS, $: "\\u0024", "{": "\\u007b", "}": "\\u007d" });
const { "`": __, ...JS_REGEXP } = JS;
for (const c of "$()*-.?[]^{|}") JS_REGEXP[c] = "\\" + c;
const jsRegexp = replacer(JS_REGEXP);

const CSS = {
    "\0": "\\0", "\t": "\\9", "\n": "\\a", "\f": "\\c", "\r": "\\d", "\"": "\\22", "&": "\\26", "'": "\\27", "(": "\\28",
    ")": "\\29", "+": "\\2b", "/": "\\2f", ":": "\\3a", ";": "\\3b", "<": "\\3c", ">": "\\3e", "\\": "\\\\", "{": "\\7b", "}": "\\7d",
};

function cssText(text) {
    let out = "";
    for (let at = 0; at < text.length; at++) {
        const replacement = CSS[text[at]];
        if (replacement === undefined) {
            out += text[at];
            continue;
        }
        out += replacement;
        const next = text[at + 1];
        if (replacement !== "\\\\" && (next === undefined || /[0-9a-fA-F \t\n\f\r]/.test(next))) out += " ";
    }
    return out;
}

const decodedCSS = (text) => text.replace(/\\(?:([0-9a-fA-F]{1,6})[ \t\n\f\r]?|(.))/gs, (all, hex, c) =>
    (hex === undefined ? c : String.fromCodePoint(Math.min(parseInt(hex, 16), 0x10ffff))));

function cssValue(text) {
    const decoded = decodedCSS(text);
    if (/[\0"'()/;@[\\\]`{}<>]/.test(decoded) || decoded.includes("--")) return FAILSAFE;
    const name = decoded.toLowerCase().replace(/[^a-z0-9_\-\u0080-\u{10ffff}]/gu, "");
    return name.includes("expression") || name.includes("mozbinding") ? FAILSAFE : decoded;
}

const bytes = (text) => Array.from(P.utf8(text), (c) => "%" + c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
const UNRESERVED = /^[A-Za-z0-9\-._~]*$/;
const urlEscaped = (text) => (UNRESERVED.test(text) ? text : text.replace(/[^A-Za-z0-9\-._~]+/gu, bytes));
const urlNormal = (text) => (UNRESERVED.test(text) ? text : text.replace(/(%[0-9a-fA-F]{2})|[^A-Za-z0-9\-._~!#$&*+,/:;=?@[\]]/gu, (c, kept) => kept ?? bytes(c)));

function safeURL(text) {
    const colon = text.indexOf(":");
    if (colon < 0 || text.slice(0, colon).includes("/")) return true;
    return ["http", "https", "mailto"].includes(text.slice(0, colon).toLowerCase());
}
const urlFiltered = (text) => (safeURL(text) ? text : "#" + FAILSAFE);

function srcset(text) {
    return text.split(",").map((part) => {
        const [, before, url, rest, after] = /^([ \t\n\f\r]*)([^ \t\n\f\r]*)((?:[ \t\n\f\r]*[^ \t\n\f\r]+)*)([ \t\n\f\r]*)$/.exec(part);
        if (!safeURL(url) || !/^[ \t\n\f\ra-zA-Z0-9]*$/.test(rest)) return "#" + FAILSAFE;
        return before + urlNormal(url).replaceAll(",", "%2c") + rest + after;
    }).join(",");
}

function attributeName(text) {
    if (text === "") return FAILSAFE;
    const name = text.toLowerCase();
    return attributeKind(name) !== "" || !/^[0-9a-z]*$/.test(name) ? FAILSAFE : name;
}

function jsValue(value) {
    let json;
    try {
        json = P.marshal(value instanceof SafeHTML ? value.html : value === undefined ? null : value);
    } catch (error) {
        return ` /* ${String(error.message).replaceAll("*/", "* /").replaceAll("</script", "\\x3C/script").replaceAll("<!--", "\\x3C!--")} */null `;
    }
    json = json.replace(/[<>&\u2028\u2029]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
    const part = /[\p{L}\p{Nd}$_]/u;
    return part.test(json[0]) || part.test(json.at(-1)) ? ` ${json} ` : json;
}

const stripped = (text) => text.replace(/<!--[^]*?(?:-->|$)|<\/?[a-zA-Z][^>]*(?:>|$)/g, "");

// -- attributes ---------------------------------------------------------------------------------------------------------

// What an attribute of this name has: "url", "srcset", "style", "script", "html", or nothing special.
function attributeKind(given) {
    let name = given.startsWith("data-") ? given.slice(5) : given;
    const colon = name.indexOf(":");
    if (colon >= 0) {
        if (name.slice(0, colon) === "xmlns") return "url";
        name = name.slice(colon + 1);
    }
    if (URLS.has(name)) return "url";
    if (name === "srcset") return "srcset";
    if (name === "style") return "style";
    if (name === "srcdoc") return "html";
    if (name.startsWith("on")) return "script";
    return /src|uri|url/.test(name) ? "url" : "";
}

// In an attribute without quotes, HTML that is escaped already.
const unquotedKept = (text) => unquoted(text).replaceAll("&amp;", "&");

P.templateEscapers = {
    FAILSAFE, SafeHTML, attributeKind, attributeName, cssText, cssValue, decodedCSS, html, jsRegexp, jsTemplate, jsText, jsValue,
    normal, srcset, stripped, unquoted, unquotedKept, urlEscaped, urlFiltered, urlNormal,
};
