// Contexts of HTML, and how a value is written in each: what makes a template's output safe.
//
//   new P.Html()            where in a page the output stands
//     .text(source)         a piece of the template: it moves on, and is returned as it is written (comments are left out)
//     .value(value)         an action's value, escaped for this place
//     .end()                a description if the page ends in the middle of something
// It is what Go's html/template finds out when it is parsed; here it is followed as the page is written.

const {
    FAILSAFE, SafeHTML, attributeKind, attributeName, cssText, cssValue, decodedCSS, html, jsRegexp, jsTemplate, jsText, jsValue,
    normal, srcset, stripped, unquoted, unquotedKept, urlEscaped, urlFiltered, urlNormal,
} = P.templateEscapers;
const ELEMENTS = { script: "script", style: "style", textarea: "textarea", title: "title" };
const CONTENT = { script: "js", style: "css", textarea: "rcdata", title: "rcdata" };
const VALUE_STATES = { "": "attr", url: "url", srcset: "srcset", style: "css", script: "js", scriptType: "attr" };
const COMMENTS = new Set(["htmlComment", "jsBlock", "jsLine", "jsOpen", "jsClose", "cssBlock", "cssLine"]);
const SCRIPT_TEXTS = new Set(["jsDouble", "jsSingle", "jsTemplate", "jsRegexp"]);
const WHITE = /[ \t\n\f\r]/;
const LINE_ENDS = /[\n\r\u2028\u2029]/;

// -- contexts -----------------------------------------------------------------------------------------------------------

const isScript = (type) => {
    const [first] = type.trim().toLowerCase().split(";");
    return ["application/ecmascript", "application/javascript", "application/json", "application/ld+json",
        "application/x-ecmascript", "application/x-javascript", "module", "text/ecmascript", "text/javascript",
        "text/javascript1.0", "text/javascript1.1", "text/javascript1.2", "text/javascript1.3", "text/javascript1.4",
        "text/javascript1.5", "text/jscript", "text/livescript", "text/x-ecmascript", "text/x-javascript"].includes(first.trim());
};

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: "\u00a0" };
const unescaped = (text) => text.replace(/&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|(\w+));?/g, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? all;
    const code = decimal === undefined ? parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
});

// Whether a `/` after this piece of JavaScript divides.
function divides(text, before) {
    const trimmed = text.replace(/[\t\n\f\r \u2028\u2029]+$/, "");
    if (trimmed === "") return before;
    const last = trimmed.at(-1);
    if (last === "+" || last === "-") return /[+-]*$/.exec(trimmed)[0].length % 2 === 0;
    if (last === ".") return /[0-9]\.$/.test(trimmed);
    if (",<>=*%&|^?!~([{;:".includes(last) || last === "}") return false;
    const word = /[\p{L}\p{Nd}$_]*$/u.exec(trimmed)[0];
    return !["break", "case", "continue", "delete", "do", "else", "finally", "in", "instanceof", "return", "throw", "try", "typeof", "void"].includes(word);
}

class Html {
    constructor() {
        this.reset();
    }

    // Where it stands, as a text, and to go there.
    get place() {
        const { state, delimiter, element, attribute, urlPart, divides, braces } = this;
        if (state === "text") return "";
        return `${state},${delimiter},${element},${attribute},${urlPart},${divides ? 1 : ""},${braces.join("+")}`;
    }

    set place(place) {
        if (place === "") {
            this.reset();
            return;
        }
        const [state, delimiter, element, attribute, urlPart, divides, braces] = place.split(",");
        Object.assign(this, { state, delimiter, element, attribute, urlPart: Number(urlPart), divides: divides === "1" });
        this.braces = braces === "" ? [] : braces.split("+").map(Number);
    }

    reset() {
        this.state = "text";
        this.delimiter = "";        // of an attribute's value: a quote, or " " without one
        this.element = "";
        this.attribute = "";
        this.urlPart = 0;           // 0: nothing of it yet, 1: before the query, 2: in it
        this.divides = false;
        this.braces = [];           // of expressions in template literals
    }

    // -- values -----------------------------------------------------------------------------------------------------------

    value(value) {
        if (this.state === "tag" || this.state === "afterName") this.state = "attrName";
        if (this.state === "beforeValue") {
            this.state = VALUE_STATES[this.attribute] ?? "attr";
            this.delimiter = " ";
            this.attribute = "";
        }
        let out = this.inner(value);
        if (this.delimiter === "") return out;
        const safe = this.state === "attr" && value instanceof SafeHTML;
        if (safe) out = stripped(out);
        if (this.delimiter === " ") return out === "" ? FAILSAFE : (safe ? unquotedKept : unquoted)(out);
        return safe ? normal(out) : html(out);
    }

    inner(value) {
        const { state } = this;
        const text = typeof value === "string" ? value : value === null || value === undefined || state === "js" ? "" : P.goPrint([value]);
        const safe = value instanceof SafeHTML;
        switch (state) {
            case "url": case "cssDouble": case "cssSingle": case "cssURLDouble": case "cssURLSingle": case "cssURL": {
                if (this.urlPart === 2) return urlEscaped(text);
                const filtered = this.urlPart === 0 ? urlFiltered(text) : text;
                return state === "cssDouble" || state === "cssSingle" ? cssText(filtered) : urlNormal(filtered);
            }
            case "js":
                this.divides = true;
                return jsValue(value);
            case "jsDouble": case "jsSingle": return jsText(text);
            case "jsTemplate": return jsTemplate(text);
            case "jsRegexp": return text === "" ? "(?:)" : jsRegexp(text);
            case "css": return cssValue(text);
            case "text": return safe ? text : html(text);
            case "rcdata": return safe ? normal(text) : html(text);
            case "attrName": return attributeName(text);
            case "srcset": return srcset(text);
            case "attr": return text;
            default: return "";
        }
    }

    // -- text -------------------------------------------------------------------------------------------------------------

    text(source) {
        let out = "";
        let at = 0;
        while (at < source.length) {
            const before = this.state;
            const delimited = this.delimiter !== "";
            const next = this.step(source, at);
            out += this.written(source, at, next, before, delimited);
            if (next === at && before === this.state) throw new Error("no way on through a template");
            at = next;
        }
        return out;
    }

    // What is written of a piece of the source: comments are left out, what only looks like a tag is escaped.
    written(source, at, next, before, delimited) {
        let end = next;
        const comment = COMMENTS.has(before) && !delimited;
        if (comment) return gap(before, source.slice(at, next));
        if (before !== this.state && COMMENTS.has(this.state) && this.delimiter === "") {
            end -= { htmlComment: 4, jsOpen: 4, jsClose: 3 }[this.state] ?? 2;
        }
        const piece = source.slice(at, end);
        if (before === "text" || before === "rcdata") return lonely(piece, this.state !== before);
        if (SCRIPT_TEXTS.has(before)) return piece.replace(/<(?=script|\/script|!--)/gi, "\\x3C");
        return piece;
    }

    step(source, at) {
        if (this.delimiter === "") {
            const end = this.elementEnd(source, at);
            if (end === at) {
                this.reset();
                return at;
            }
            return at + this.move(source.slice(at, end));
        }
        const close = this.delimiter === " " ? /[ \t\n\f\r>]/ : this.delimiter;
        const found = typeof close === "string" ? source.indexOf(close, at) : source.slice(at).search(close) + at;
        const end = found < at ? source.length : found;
        if (end === source.length) {
            for (let rest = unescaped(source.slice(at)); rest !== "";) rest = rest.slice(Math.max(this.move(rest), 1));
            return end;
        }
        let { element } = this;
        if (this.state === "attr" && element === "script" && this.attribute === "scriptType" && !isScript(source.slice(at, end))) element = "";
        this.reset();
        this.state = "tag";
        this.element = element;
        return close === this.delimiter || typeof close === "string" ? end + 1 : end;
    }

    // Where </script> and the like end what stands in the element.
    elementEnd(source, at) {
        if (this.element === "") return source.length;
        if (this.element === "script" && (SCRIPT_TEXTS.has(this.state) || COMMENTS.has(this.state))) return source.length;
        const found = source.slice(at).search(new RegExp(`</${this.element}[ \\t\\n\\f/>]`, "i"));
        return found < 0 ? source.length : at + found;
    }

    move(s) {
        switch (this.state) {
            case "text": return this.inText(s);
            case "tag": return this.inTag(s);
            case "attrName": return this.inName(s);
            case "afterName": return this.afterName(s);
            case "beforeValue": return this.beforeValue(s);
            case "htmlComment": return this.until(s, "-->", () => this.reset());
            case "url": case "srcset": return this.inURL(s);
            case "js": return this.inScript(s);
            case "jsDouble": return this.inScriptText(s, "\"");
            case "jsSingle": return this.inScriptText(s, "'");
            case "jsRegexp": return this.inScriptText(s, "/");
            case "jsTemplate": return this.inTemplate(s);
            case "jsBlock": return this.until(s, "*/", () => { this.state = "js"; });
            case "cssBlock": return this.until(s, "*/", () => { this.state = "css"; });
            case "jsLine": case "jsOpen": case "jsClose": return this.inLine(s, "js");
            case "cssLine": return this.inLine(s, "css");
            case "css": return this.inStyle(s);
            case "cssDouble": case "cssURLDouble": return this.inStyleText(s, /[\\"]/);
            case "cssSingle": case "cssURLSingle": return this.inStyleText(s, /[\\']/);
            case "cssURL": return this.inStyleText(s, /[\\\t\n\f\r )]/);
            default: return s.length;
        }
    }

    until(s, mark, then) {
        const at = s.indexOf(mark);
        if (at < 0) return s.length;
        then();
        return at + mark.length;
    }

    inText(s) {
        for (let at = s.indexOf("<"); at >= 0; at = s.indexOf("<", at + 1)) {
            if (s.startsWith("<!--", at)) {
                this.state = "htmlComment";
                return at + 4;
            }
            const tag = /^<(\/?)([a-zA-Z](?:[a-zA-Z0-9]|[:\-](?=[a-zA-Z0-9]))*)/.exec(s.slice(at, at + 128));
            if (tag === null) continue;
            this.state = "tag";
            this.element = tag[1] === "" ? ELEMENTS[tag[2].toLowerCase()] ?? "" : "";
            return at + tag[0].length;
        }
        return s.length;
    }

    inTag(s) {
        const start = s.search(/[^ \t\n\f\r]/);
        if (start < 0) return s.length;
        if (s[start] === ">") {
            const { element } = this;
            this.reset();
            this.state = CONTENT[element] ?? "text";
            this.element = element;
            return start + 1;
        }
        const name = this.name(s, start);
        if (name === "") {
            if (s[start] === "/") return start + 1;
            throw new HtmlFault(`expected space, attr name, or end of tag, but got ${P.goQuote(s.slice(start))}`);
        }
        const kind = attributeKind(name.toLowerCase());
        this.attribute = this.element === "script" && name.toLowerCase() === "type" ? "scriptType" : kind === "html" ? "" : kind;
        this.state = start + name.length === s.length ? "attrName" : "afterName";
        return start + name.length;
    }

    name(s, start) {
        const name = /^[^ \t\n\f\r=>]*/.exec(s.slice(start))[0];
        const cut = name.indexOf("/") >= 0 && name[0] !== "/" ? name : name[0] === "/" ? "" : name;
        if (/['"<]/.test(cut)) throw new HtmlFault(`${P.goQuote(cut.match(/['"<]/)[0]).replace(/"(\\?.)"/, "\"$1\"")} in attribute name: ${P.goQuote(s.slice(start, start + 50))}`);
        return cut;
    }

    inName(s) {
        const name = this.name(s, 0);
        if (name.length !== s.length) this.state = "afterName";
        return name.length;
    }

    afterName(s) {
        const start = s.search(/[^ \t\n\f\r]/);
        if (start < 0) return s.length;
        if (s[start] !== "=") {
            this.state = "tag";
            return start;
        }
        this.state = "beforeValue";
        return start + 1;
    }

    beforeValue(s) {
        const start = s.search(/[^ \t\n\f\r]/);
        if (start < 0) return s.length;
        const quote = s[start] === "\"" || s[start] === "'" ? s[start] : " ";
        this.delimiter = quote;
        this.state = VALUE_STATES[this.attribute] ?? "attr";
        return quote === " " ? start : start + 1;
    }

    inURL(s) {
        if (/[#?]/.test(s)) this.urlPart = 2;
        else if (!/^[ \t\n\f\r]*$/.test(s) && this.urlPart === 0) this.urlPart = 1;
        return s.length;
    }

    // -- scripts ----------------------------------------------------------------------------------------------------------

    inScript(s) {
        const at = s.search(/["`'/{}<\-#]/);
        if (at < 0) {
            this.divides = divides(s, this.divides);
            return s.length;
        }
        this.divides = divides(s.slice(0, at), this.divides);
        const to = (state, length = 1) => {
            this.state = state;
            return at + length;
        };
        switch (s[at]) {
            case "\"": this.divides = false; return to("jsDouble");
            case "'": this.divides = false; return to("jsSingle");
            case "`": this.divides = false; return to("jsTemplate");
            case "/":
                if (s[at + 1] === "/") return to("jsLine", 2);
                if (s[at + 1] === "*") return to("jsBlock", 2);
                if (!this.divides) return to("jsRegexp");
                this.divides = false;
                return at + 1;
            case "<": return s.startsWith("<!--", at) ? to("jsOpen", 4) : this.passed(s, at);
            case "-": return s.startsWith("-->", at) ? to("jsClose", 3) : this.passed(s, at);
            case "#": return s[at + 1] === "!" ? to("jsLine", 2) : this.passed(s, at);
            case "{":
                if (this.braces.length > 0) this.braces[this.braces.length - 1]++;
                this.divides = false;
                return at + 1;
            default:
                this.divides = false;
                if (this.braces.length > 0 && --this.braces[this.braces.length - 1] < 0) {
                    this.braces.pop();
                    this.state = "jsTemplate";
                }
                return at + 1;
        }
    }

    passed(s, at) {
        this.divides = divides(s.slice(0, at + 1), this.divides);
        return at + 1;
    }

    inScriptText(s, quote) {
        let inSet = false;
        for (let at = 0; at < s.length; at++) {
            const c = s[at];
            if (c === "\\") at++;
            else if (quote === "/" && c === "[") inSet = true;
            else if (quote === "/" && c === "]") inSet = false;
            else if (c === quote && !inSet && !(quote === "/" && /^<\/script/i.test(s.slice(Math.max(at - 1, 0), at + 7)))) {
                this.state = "js";
                this.divides = true;
                return at + 1;
            }
        }
        return s.length;
    }

    inTemplate(s) {
        for (let at = 0; at < s.length; at++) {
            if (s[at] === "\\") at++;
            else if (s[at] === "$" && s[at + 1] === "{") {
                this.braces.push(0);
                this.state = "js";
                this.divides = false;
                return at + 2;
            } else if (s[at] === "`") {
                this.state = "js";
                this.divides = true;
                return at + 1;
            }
        }
        return s.length;
    }

    inLine(s, after) {
        const at = s.search(after === "js" ? LINE_ENDS : /[\n\f\r]/);
        if (at < 0) return s.length;
        this.state = after;
        return at;
    }

    // -- styles -----------------------------------------------------------------------------------------------------------

    inStyle(s) {
        for (let at = 0; at < s.length; at++) {
            const to = (state, length = 1) => {
                this.state = state;
                return at + length;
            };
            switch (s[at]) {
                case "(": {
                    if (!/(?:^|[^a-zA-Z0-9_\-])url[\t\n\f\r ]*$/i.test(s.slice(0, at))) break;
                    const start = at + 1 + /^[\t\n\f\r ]*/.exec(s.slice(at + 1))[0].length;
                    const quote = s[start];
                    this.state = quote === "\"" ? "cssURLDouble" : quote === "'" ? "cssURLSingle" : "cssURL";
                    return quote === "\"" || quote === "'" ? start + 1 : start;
                }
                case "/":
                    if (s[at + 1] === "/") return to("cssLine", 2);
                    if (s[at + 1] === "*") return to("cssBlock", 2);
                    break;
                case "\"": return to("cssDouble");
                case "'": return to("cssSingle");
            }
        }
        return s.length;
    }

    inStyleText(s, ends) {
        for (let from = 0; ;) {
            const found = s.slice(from).search(ends);
            if (found < 0) {
                this.inURL(decodedCSS(s.slice(from)));
                return s.length;
            }
            const at = from + found;
            if (s[at] !== "\\") {
                this.state = "css";
                this.urlPart = 0;
                return at + 1;
            }
            this.inURL(decodedCSS(s.slice(0, at + 2)));
            from = at + 2;
        }
    }

    end() {
        if (this.state === "text") return "";
        const { state, delimiter, urlPart, attribute, element } = this;
        const names = [
            STATES[state] ?? state, DELIMITERS[delimiter], URL_PARTS[urlPart], this.divides ? "jsCtxDivOp" : "jsCtxRegexp",
            `[${this.braces.join(" ")}]`, ATTRIBUTES[attribute], `element${element[0]?.toUpperCase() ?? ""}${element.slice(1) || "None"}`, "<nil>",
        ];
        return `ends in a non-text context: {${names.join(" ")}}`;
    }
}
P.Html = Html;

class HtmlFault extends Error {}
P.HtmlFault = HtmlFault;

// How Go names a place.
const STATES = {
    tag: "stateTag", attrName: "stateAttrName", afterName: "stateAfterName", beforeValue: "stateBeforeValue", attr: "stateAttr",
    url: "stateURL", srcset: "stateSrcset", htmlComment: "stateHTMLCmt", rcdata: "stateRCDATA", js: "stateJS", css: "stateCSS",
    jsDouble: "stateJSDqStr", jsSingle: "stateJSSqStr", jsTemplate: "stateJSTmplLit", jsRegexp: "stateJSRegexp",
    jsBlock: "stateJSBlockCmt", jsLine: "stateJSLineCmt", jsOpen: "stateJSHTMLOpenCmt", jsClose: "stateJSHTMLCloseCmt",
    cssDouble: "stateCSSDqStr", cssSingle: "stateCSSSqStr", cssURLDouble: "stateCSSDqURL", cssURLSingle: "stateCSSSqURL",
    cssURL: "stateCSSURL", cssBlock: "stateCSSBlockCmt", cssLine: "stateCSSLineCmt",
};
const DELIMITERS = { "": "delimNone", "\"": "delimDoubleQuote", "'": "delimSingleQuote", " ": "delimSpaceOrTagEnd" };
const URL_PARTS = ["urlPartNone", "urlPartPreQuery", "urlPartQueryOrFrag"];
const ATTRIBUTES = {
    "": "attrNone", script: "attrScript", scriptType: "attrScriptType", style: "attrStyle", url: "attrURL", srcset: "attrSrcset",
};

// What stands for a piece of a comment.
function gap(state, piece) {
    if (state === "jsBlock") return LINE_ENDS.test(piece) ? "\n" : " ";
    return state === "cssBlock" ? " " : "";
}

// A `<` that begins no tag is a character.
function lonely(piece, changes) {
    const end = changes ? piece.lastIndexOf("<") : piece.length;
    const whole = end < 0 ? piece.length : end;
    return piece.slice(0, whole).replace(/<(?!!doctype)/gi, "&lt;") + piece.slice(whole);
}
