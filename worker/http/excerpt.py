"""The text of an HTML fragment, shortened: the `:excerpt(max, withEllipsis?)` modifier of `fields`."""

import re
from html.parser import HTMLParser


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


# elements whose edges are no word boundary
_INLINE = _tags("a abbr acronym b bdo big br cite code em i img label q small span strike strong sub sup time")
# elements whose content is no text
_SILENT = _tags(
    "applet button dialog embed form head iframe input object option picture script select style svg template textarea"
)
# elements without content: an end tag means nothing
_VOID = _tags("area base br col embed hr img input link meta param source track wbr")
# elements which count inside a table only; HTML drops the tags elsewhere, and those of a document's frame everywhere
_TABLE_PARTS = _tags("caption col colgroup tbody td tfoot th thead tr")
_DROPPED = _tags("html body frame frameset")

_BLANKS = re.compile(r"[ \t\n\f\r]+")
# a tag or comment that never ends, which is no text either
_CUT_OFF = re.compile(r"<(?:[a-zA-Z/?][^>]*|!--(?:(?!-->).)*)\Z", re.DOTALL)


def excerpt(markup: str, length: int, *, ellipsis: bool = False) -> str:
    """At most `length` characters of the text in `markup`, blanks collapsed; `...` after a text that was cut."""
    if "<" in markup or "&" in markup:
        parser = _Text()
        parser.feed(_CUT_OFF.sub("", markup))
        parser.close()
        markup = "".join(parser.parts)
    text = _BLANKS.sub(" ", markup).strip()
    if len(text) <= length:
        return text
    return text[:length].rstrip() + ("..." if ellipsis else "")


class _Text(HTMLParser):
    """Collects text, with a blank at every edge of an element that is not inline."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent: list[str] = []
        self.open: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's own signature
        if self._ignored(tag):
            return
        if tag in _SILENT and tag not in _VOID:
            self.silent.append(tag)
        self.open[tag] = self.open.get(tag, 0) + 1
        self._edge(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        if tag in _VOID:  # elsewhere HTML does not know the closing slash
            self._edge(tag)
        else:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID or self._ignored(tag):
            return
        if tag in self.silent:
            while self.silent.pop() != tag:
                pass
        left = self.open.get(tag, 0)
        if left:
            self.open[tag] = left - 1
        if left or tag == "p":  # a lone </p> makes an empty paragraph; other lone end tags make nothing
            self._edge(tag)

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(data)

    def _edge(self, tag: str) -> None:
        if tag not in _INLINE and tag not in _SILENT and not self.silent:
            self.parts.append(" ")

    def _ignored(self, tag: str) -> bool:
        return tag in _DROPPED or (tag in _TABLE_PARTS and not self.open.get("table"))
