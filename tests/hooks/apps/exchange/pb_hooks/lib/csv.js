/** RFC 4180, both ways. */
class Csv {
    constructor(separator = ",") {
        this.separator = separator
    }

    parse(text) {
        const rows = [[]]
        let cell = "", quoted = false
        for (let i = 0; i < text.length; i++) {
            const c = text[i]
            if (quoted) {
                if (c === '"' && text[i + 1] === '"') {
                    cell += '"'
                    i++
                } else if (c === '"') {
                    quoted = false
                } else {
                    cell += c
                }
            } else if (c === '"') {
                quoted = true
            } else if (c === this.separator) {
                rows[rows.length - 1].push(cell)
                cell = ""
            } else if (c === "\n") {
                rows[rows.length - 1].push(cell.replace(/\r$/, ""))
                rows.push([])
                cell = ""
            } else {
                cell += c
            }
        }
        rows[rows.length - 1].push(cell)
        return rows.filter((row) => row.length > 1 || row[0] !== "")
    }

    format(rows) {
        const escape = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
        return rows.map((row) => row.map((value) => escape(String(value ?? ""))).join(this.separator)).join("\r\n")
    }
}

module.exports = Csv
