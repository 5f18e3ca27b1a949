const LETTERS = { "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e", "à": "a", "ñ": "n", "ç": "c" }
const BANNED = /\b(viagra|casino|lottery)\b/gi

module.exports = {
    /** "Größe & mehr!" → "groesse-mehr" */
    slugify(text) {
        return text
            .toLowerCase()
            .replace(/[^\x00-\x7f]/g, (c) => LETTERS[c] || "")
            .replace(/[^a-z0-9]+/g, "-")
            .replace(/^-+|-+$/g, "")
            .substring(0, 60)
    },

    strip(html) {
        return html.replace(/<(script|style)[\s\S]*?<\/\1>/gi, " ").replace(/<[^>]+>/g, " ").replace(/\s+/g, " ").trim()
    },

    excerpt(html, limit) {
        const text = this.strip(html)
        if (text.length <= limit) {
            return text
        }
        const cut = text.slice(0, limit)
        return cut.slice(0, Math.max(cut.lastIndexOf(" "), 1)) + "…"
    },

    minutes(html) {
        return Math.max(1, Math.round(this.strip(html).split(" ").length / 200))
    },

    spam(text) {
        const words = text.match(BANNED) || []
        const links = (text.match(/https?:\/\//g) || []).length
        return words.length * 2 + Math.max(0, links - 1)
    },
}
