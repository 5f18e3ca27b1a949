// `$os`: the tenant's own directory, whose root is `/`, and its variables. No processes.
//
//   P.files.info(path, follow) / list(path) / names(path) / there(path) / entry(info) / read(path)   for the other files
//
// What a file system says no to is an error with Go's words: `open /x: no such file or directory`.

const text = P.goText;
const GO_DIR = 0x80000000;
const LETTERS = "dalTLDpSugct?";
const FAKE_DESCRIPTOR = 3;
const NS = 1000000000n;

const int = (value) => {
    const number = Math.trunc(Number(value));
    return Number.isSafeInteger(number) ? number : 0;
};

// What is read is known for bytes, so that it prints as text where Go has a []byte.
const bytes = (binary) => P.asBytes(P.numbers(binary));

// -- asking ---------------------------------------------------------------------------------------------------------------

function pathError(op, path, reason) {
    return P.goErrorOf(`${op} ${path}: ${reason}`, { op, path, err: {} });
}

// Ask the host; `shown` is the path as the script knows it, `as` is what Go calls the operation where that is not its own.
function asked(op, shown, as, ...args) {
    const answer = P.host(op, ...args);
    if (answer.fail === undefined) return answer.v;
    const [failed, reason, path] = answer.fail;
    throw pathError(as ?? failed, path ?? shown, reason);
}

const about = (op, path, ...args) => asked(op, path, undefined, path, ...args);

// -- what is known of an entry ------------------------------------------------------------------------------------------------

class FileMode {
    #bits;

    constructor(bits) {
        this.#bits = bits >>> 0;
    }

    isDir() {
        return (this.#bits & GO_DIR) !== 0;
    }

    isRegular() {
        return (this.#bits & 0x8f280000) === 0;
    }

    perm() {
        return new FileMode(this.#bits & 0o777);
    }

    type() {
        return new FileMode(this.#bits & 0x8f280000);
    }

    string() {
        let out = "";
        for (let at = 0; at < LETTERS.length; at++) if (this.#bits & (1 << (31 - at))) out += LETTERS[at];
        out ||= "-";
        for (let at = 0; at < 9; at++) out += this.#bits & (1 << (8 - at)) ? "rwxrwxrwx"[at] : "-";
        return out;
    }

    toString() {
        return this.string();
    }

    valueOf() {
        return this.#bits;
    }

    toJSON() {
        return this.#bits;
    }
}

const hide = (object, name, value) => Object.defineProperty(object, name, { value, configurable: true, writable: true });

function fileInfo([name, size, mode, modified]) {
    const bits = new FileMode(mode);
    return {
        isDir: () => bits.isDir(),
        modTime: () => new P.Time(Number(BigInt(modified) / NS), Number(BigInt(modified) % NS)),
        mode: () => bits,
        name: () => name,
        size: () => size,
        sys: () => ({}),
    };
}

function dirEntry(info) {
    const string = () => `${info.isDir() ? "d" : info.mode().type() & 0x08000000 ? "L" : "-"} ${info.name()}${info.isDir() ? "/" : ""}`;
    const entry = {
        info: () => info,
        isDir: () => info.isDir(),
        name: () => info.name(),
        string,
        type: () => info.mode().type(),
    };
    hide(entry, "toString", string);
    return entry;
}

const infoOf = (path, follow) => fileInfo(about("fs.info", path, follow));
const listOf = (path) => about("fs.list", path).map(fileInfo);

P.files = {
    info: infoOf,
    list: listOf,
    entry: dirEntry,
    read: (path) => about("fs.read", path),
    names(path) {
        const { v: found } = P.host("fs.list", path);
        return found === undefined ? [] : found.map(([name]) => name);
    },
    there: (path) => P.host("fs.info", path, false).v !== undefined,
};

// -- open files -----------------------------------------------------------------------------------------------------------------
// Nothing is open in truth: a file is its path and a place in it.

const unable = (name) => () => {
    throw P.goError(`${name} is not available: files of scripts are not open in the system`);
};

function file(path, shown, { write = false, append = false } = {}) {
    let at = 0;
    let closed = false;
    const ask = (op, as, ...args) => {
        if (closed) throw pathError(as, shown, "file already closed");
        return asked(op, shown, as, path, ...args);
    };
    const put = (binary, start) => {
        if (!write) throw pathError("write", shown, "bad file descriptor");
        return ask("fs.write_at", "write", binary, start);
    };
    const rest = (bytesMax) => {
        const binary = ask("fs.read_at", "read", at, bytesMax ?? Number.MAX_SAFE_INTEGER);
        at += binary.length;
        return binary;
    };
    const written = (binary) => {
        at = put(binary, append ? null : at);
        return binary.length;
    };
    const opened = {
        chdir: unable("chdir"),
        chmod: unable("chmod"),
        chown: unable("chown"),
        close() {
            if (closed) throw pathError("close", shown, "file already closed");
            closed = true;
        },
        fd: () => FAKE_DESCRIPTOR,
        name: () => shown,
        read: unable("read"),
        readAt: unable("readAt"),
        readDir: (count) => limited(ask("fs.list", "readdirent"), count).map((each) => dirEntry(fileInfo(each))),
        readFrom: (source) => written(P.readAll(source) ?? P.binary(source)),
        readdir: (count) => limited(ask("fs.list", "readdirent"), count).map(fileInfo),
        readdirnames: (count) => limited(ask("fs.list", "readdirent"), count).map(([name]) => name),
        seek(offset, whence) {
            const from = whence === 1 ? at : whence === 2 ? ask("fs.info", "seek", true)[1] : 0;
            const to = from + int(offset);
            if (to < 0) throw pathError("seek", shown, "invalid argument");
            return (at = to);
        },
        setDeadline: unable("setDeadline"),
        setReadDeadline: unable("setReadDeadline"),
        setWriteDeadline: unable("setWriteDeadline"),
        stat: () => fileInfo(ask("fs.info", "stat", true)),
        sync() {},
        syscallConn: unable("syscallConn"),
        truncate: (size) => void ask("fs.truncate", "truncate", int(size)),
        write: (data) => written(P.binary(data)),
        writeAt(data, start) {
            const binary = P.binary(data);
            put(binary, int(start));
            return binary.length;
        },
        writeString: (data) => written(P.utf8(text(data))),
        writeTo: unable("writeTo"),
    };
    return P.reader(opened, rest);
}

const limited = (list, count) => (int(count) > 0 ? list.slice(0, int(count)) : list);

function open(path, shown, as) {
    const info = asked("fs.info", shown, as, path, true);
    if (info[2] === (info[2] & 0x1ff)) asked("fs.read_at", shown, as, path, 0, 0);
    return file(path, shown);
}

// -- directories as roots -----------------------------------------------------------------------------------------------------------

// The path of a name that must stay below; null for one that does not.
function below(root, name) {
    if (name === "" || name[0] === "/") return null;
    const path = P.path.clean(name);
    return path === ".." || path.startsWith("../") ? null : P.path.join(root, path);
}

// A file system of Go's: names without `.` and `..`.
function fs(root) {
    const at = (op, name) => {
        const whole = text(name);
        if (whole === ".") return root;
        if (whole === "" || whole.split("/").some((part) => part === "" || part === "." || part === "..")) {
            throw pathError(op, whole, "invalid argument");
        }
        return P.path.join(root, whole);
    };
    const own = (op, name, host, as, ...args) => asked(host, text(name), as, at(op, name), ...args);
    const system = {
        lstat: (name) => fileInfo(own("lstat", name, "fs.info", "lstat", false)),
        open: (name) => open(at("open", name), text(name), "open"),
        readDir: (name) => own("open", name, "fs.list", "open").map((each) => dirEntry(fileInfo(each))),
        readFile: (name) => bytes(own("open", name, "fs.read")),
        readLink: (name) => { throw pathError("readlink", text(name), "invalid argument"); },
        stat: (name) => fileInfo(own("stat", name, "fs.info", "stat", true)),
    };
    hide(system, "toString", () => root);
    hide(system, "toJSON", () => root);
    return system;
}

// What `dirFS` and a root's `fs` make: its directory, for what reads templates from one.
P.fsRoot = (value) => (value !== null && typeof value === "object" && roots.has(value) ? roots.get(value) : undefined);
const roots = new WeakMap();

function dirFS(path) {
    const system = fs(path);
    roots.set(system, path);
    return system;
}

const DEFAULT_MODE = 0o666;

function root(path) {
    let closed = false;
    const at = (op, name) => {
        if (closed) throw pathError(op, text(name), "file already closed");
        const found = below(path, text(name));
        if (found === null) throw pathError(op, text(name), "path escapes from parent");
        return found;
    };
    const own = (op, name, host, ...args) => asked(host, text(name), op, at(op, name), ...args);
    const made = (name, mode, kind, how) => {
        own("openat", name, "fs.create", mode, kind);
        return file(at("openat", name), P.path.join(path, text(name)), how);
    };
    return {
        chmod: unable("chmod"),
        chown: unable("chown"),
        chtimes: unable("chtimes"),
        close() { closed = true; },
        create: (name) => made(name, DEFAULT_MODE, "empty", { write: true }),
        fs: () => dirFS(path),
        lchown: unable("lchown"),
        link: unable("link"),
        lstat: (name) => fileInfo(own("lstatat", name, "fs.info", false)),
        mkdir: (name, mode) => void own("mkdirat", name, "fs.mkdir", int(mode)),
        mkdirAll: (name, mode) => void own("mkdirat", name, "fs.mkdir_all", int(mode)),
        name: () => path,
        open: (name) => openIn(at("openat", name), path, name),
        openFile(name, flags, mode) {
            const bits = int(flags);
            const how = { write: (bits & 3) !== 0, append: (bits & 0x400) !== 0 };
            if (!how.write) return openIn(at("openat", name), path, name);
            if (bits & 0x40) return made(name, int(mode), bits & 0x80 ? "new" : bits & 0x200 ? "empty" : "", how);
            own("openat", name, "fs.info", true);
            if (bits & 0x200) own("openat", name, "fs.truncate", 0);
            return file(at("openat", name), P.path.join(path, text(name)), how);
        },
        openRoot(name) {
            const found = at("openat", name);
            if (!infoOf(found, true).isDir()) throw pathError("openat", text(name), "not a directory");
            return root(found);
        },
        readFile: (name) => bytes(own("openat", name, "fs.read")),
        readlink: (name) => { throw pathError("readlinkat", text(name), "invalid argument"); },
        remove: (name) => void own("removeat", name, "fs.remove"),
        removeAll: (name) => void own("unlinkat", name, "fs.remove_all"),
        rename: (from, to) => renamed(text(from), text(to), at("renameat", from), at("renameat", to), "renameat"),
        stat: (name) => fileInfo(own("statat", name, "fs.info", true)),
        symlink: unable("symlink"),
        writeFile: (name, data, mode) => void own("openat", name, "fs.write", P.binary(data, 1), int(mode)),
    };
}

const openIn = (found, path, name) => {
    const { fail } = P.host("fs.info", found, true);
    if (fail !== undefined) throw pathError("openat", text(name), fail[1]);
    return file(found, P.path.join(path, text(name)));
};

function openRoot(path) {
    const info = asked("fs.info", path, "open", path, true);
    if (!fileInfo(info).isDir()) throw pathError("open", path, "not a directory");
    return root(path);
}

function renamed(from, to, source, target, op) {
    const { fail } = P.host("fs.rename", source, target);
    if (fail !== undefined) throw P.goErrorOf(`${op} ${from} ${to}: ${fail[1]}`, { op, old: from, new: to, err: {} });
}

// -- what is refused ------------------------------------------------------------------------------------------------------------------

const REFUSED = "scripts can't start or end processes on this server";

const refuse = (name) => () => {
    throw P.goError(`${name} is not allowed: ${REFUSED}`);
};

class Command {
    constructor() {
        refuse("new Command")();
    }
}
Object.defineProperty(G, "Command", { value: Command, writable: true, configurable: true });

G.$os = {
    args: ["pocker", "serve"],
    exec: refuse("$os.exec"),
    cmd: refuse("$os.cmd"),
    exit: refuse("$os.exit"),
    getenv: (name) => {
        const values = P.variables();
        return Object.hasOwn(values, text(name)) ? values[text(name)] : "";
    },
    dirFS: (path) => dirFS(text(path)),
    stat: (path) => infoOf(text(path), true),
    readFile: (path) => bytes(about("fs.read", text(path))),
    writeFile: (path, data, mode) => void about("fs.write", text(path), P.binary(data, 1), int(mode)),
    readDir: (path) => listOf(text(path)).map(dirEntry),
    tempDir: () => asked("fs.temp_dir", "/tmp", "mkdir"),
    truncate: (path, size) => void about("fs.truncate", text(path), int(size)),
    getwd: () => "/",
    mkdir: (path, mode) => void about("fs.mkdir", text(path), int(mode)),
    mkdirAll: (path, mode) => void about("fs.mkdir_all", text(path), int(mode)),
    rename: (from, to) => renamed(text(from), text(to), text(from), text(to), "rename"),
    remove: (path) => void about("fs.remove", text(path)),
    removeAll: (path) => void about("fs.remove_all", text(path)),
    openRoot: (path) => openRoot(text(path)),
    openInRoot(path, name) {
        return openRoot(text(path)).open(name);
    },
};
