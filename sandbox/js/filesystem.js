// `$filesystem`: files that are on their way into records or requests.
//
//   P.isFile(value)          whether it is one
//   P.newFile(reader, name, size, content)   one; `reader` shows where its bytes come from
//   P.fileBytes(file)        its content, as a binary string
//   P.fileReader({…}, read)  a reader that shows these members, whose content read() gives
//   P.storedName(original, sniffed)   the name that a stored file gets

const text = P.goText;
const files = new WeakMap();
const CHARS_MAX = 100;
const EXTENSION_CHARS_MAX = 20;
const SHORT_CHARS = 3;

// -- names ----------------------------------------------------------------------------------------------------------------------

// What a file is by its first bytes: what stands there, or a pattern for text.
const MAGIC = [
    ["\x89PNG\r\n\x1a\n", ".png"], ["\xff\xd8\xff", ".jpg"], ["GIF87a", ".gif"], ["GIF89a", ".gif"],
    ["%PDF-", ".pdf"], ["PK\x03\x04", ".zip"], ["\x1f\x8b", ".gz"], ["7z\xbc\xaf\x27\x1c", ".7z"], ["BZh", ".bz2"],
    ["ID3", ".mp3"], ["OggS", ".ogg"], ["fLaC", ".flac"], ["\x1aE\xdf\xa3", ".webm"], ["wOFF", ".woff"],
    ["wOF2", ".woff2"], ["SQLite format 3\0", ".sqlite"], ["%!PS-Adobe-", ".ps"], ["II*\0", ".tiff"], ["MM\0*", ".tiff"],
];
const TEXTS = [
    [/^\s*<svg[\s>]|^\s*<\?xml[^>]*\?>\s*(<!--.*?-->\s*)*<svg[\s>]/i, ".svg"],
    [/^\s*<(!doctype html|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|!--)[\s>]/i, ".html"],
    [/^\s*<\?xml/, ".xml"], [/^#!.*\b(bash|sh)\b/, ".sh"], [/^#!.*python/, ".py"], [/^#!.*node/, ".js"],
    [/^\{\\rtf/, ".rtf"], [/^BEGIN:VCALENDAR/, ".ics"], [/^BEGIN:VCARD/, ".vcf"],
];
const HEAD_CHARS = 3072;

function sniffed(binary) {
    const head = binary.slice(0, HEAD_CHARS);
    const known = MAGIC.find(([start]) => head.startsWith(start));
    if (known !== undefined) return known[1];
    if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return ".webp";
    if (head.startsWith("RIFF") && head.slice(8, 12) === "WAVE") return ".wav";
    if (head.slice(4, 8) === "ftyp") return head.slice(8, 12) === "avif" ? ".avif" : ".mp4";
    if (/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(head)) return "";
    const found = TEXTS.find(([pattern]) => pattern.test(head));
    if (found !== undefined) return found[1];
    if (/^\s*[{[]/.test(binary)) {
        try {
            JSON.parse(P.fromUtf8(binary));
            return ".json";
        } catch { /* it is none */ }
    }
    const lines = head.split("\n").slice(0, -1);
    const commas = lines.map((line) => line.split(",").length);
    return lines.length > 1 && commas[0] > 1 && commas.every((count) => count === commas[0]) ? ".csv" : ".txt";
}

const lastExtension = (name) => P.path.ext(name);
const plain = (extension) => extension.replace(/[^\w.*-]/g, "").replace(/^\.+$/, "");

const snake = (name) => name
    .replace(/([a-z\d])([A-Z])/g, "$1_$2")
    .replace(/[^A-Za-z\d]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .toLowerCase();

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
const chance = () => P.host("random", 10, LETTERS);

P.storedName = (original, content) => {
    const last = lastExtension(original);
    const inner = last === "" ? "" : lastExtension(original.slice(0, -last.length));
    const base = original.slice(0, original.length - last.length - inner.length);
    let extension = plain(inner) + plain(last);
    if (extension === "" && content !== null) extension = sniffed(content);
    if (extension.length > EXTENSION_CHARS_MAX) extension = "." + extension.slice(-EXTENSION_CHARS_MAX);
    let name = snake(base);
    if (name.length < SHORT_CHARS) name += chance();
    return `${name.slice(0, CHARS_MAX)}_${chance()}${extension}`;
};

// -- files ----------------------------------------------------------------------------------------------------------------------

class File {
    constructor(reader, name, originalName, size) {
        this.reader = reader;
        this.name = name;
        this.originalName = originalName;
        this.size = size;
        const asMap = () => ({ name: this.name, originalName: this.originalName, size: this.size });
        Object.defineProperty(this, "asMap", { value: asMap, enumerable: true });
        Object.preventExtensions(this);
    }
}

P.isFile = (value) => value !== null && typeof value === "object" && value instanceof File;

// Something whose `open()` gives a reader of the whole content.
P.fileReader = (members, read) => {
    const reader = Object.defineProperties({}, Object.getOwnPropertyDescriptors(members));
    const open = () => {
        let left = read();
        return P.reader({ close() {}, len: () => left.length }, (bytesMax) => {
            const part = bytesMax === undefined ? left : left.slice(0, bytesMax);
            left = left.slice(part.length);
            return part;
        });
    };
    Object.defineProperty(reader, "open", { value: open, configurable: true, writable: true, enumerable: true });
    files.set(reader, read);
    return reader;
};

P.fileBytes = (file) => {
    const read = files.get(file.reader);
    if (read !== undefined) return read();
    throw P.goError(`${file.originalName} can't be read`);
};

P.newFile = (reader, name, size, content) => new File(reader, P.storedName(name, content), name, size);

function fileFromBytes(data, name) {
    const binary = P.binary(data, 0);
    if (binary === "") throw P.goError("cannot create an empty file");
    const members = {};
    let list;
    const bytes = { get: () => (list ??= P.asBytes(P.numbers(binary))), enumerable: true, configurable: true };
    Object.defineProperty(members, "bytes", bytes);
    const reader = P.fileReader(members, () => (list === undefined ? binary : P.binary(list)));
    return P.newFile(reader, text(name), binary.length, binary);
}

function fileFromPath(path) {
    const whole = text(path);
    const info = P.files.info(whole, true);
    const name = P.path.base(whole);
    const content = () => P.files.read(whole);
    const needed = !name.includes(".") && !info.isDir();
    return P.newFile(P.fileReader({ path: whole }, content), name, info.size(), needed ? content() : null);
}

function fileFromMultipart(header) {
    if (header === undefined || header === null) throw P.goError("a multipart header is missing");
    if (P.isFile(header)) return header;
    throw P.goError("fileFromMultipart: this is no header of a file that was uploaded");
}

function fileFromURL(url, seconds) {
    const response = P.fetched({ url: text(url), timeout: seconds });
    if (response.status < 200 || response.status > 399) {
        throw P.goError(`failed to download url ${text(url)} (${response.status})`);
    }
    return fileFromBytes(P.array(response.binary), P.path.base(response.path));
}

G.$filesystem = {
    s3() { throw P.lacking("$filesystem.s3", "files"); },
    local() { throw P.lacking("$filesystem.local", "files"); },
    fileFromPath,
    fileFromBytes,
    fileFromMultipart,
    fileFromURL,
};
