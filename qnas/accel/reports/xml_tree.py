"""XML with line numbers, without the dangerous features of XML.

A document type is refused at its beginning, so no entity can be declared, expanded or fetched. The
parser is not recursive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from xml.parsers import expat

from qnas.errors import ReportError, problem

WHOLE = "must be a whole XML report"
DEEPEST = 200  # most nested elements; reports nest as their instances do
AGAIN = "Run the tool again, or give another file."
# For files that claim to be UTF-8 but have a path or comment in a local code page.
FALLBACK_ENCODING = "iso-8859-1"
_ENCODING_ERRORS = (
    expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING],
    expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING],
)


@dataclass(slots=True)
class Element:
    """One tag with its attributes, its own text, the line it begins on, and its children."""

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The element's own text, without that of its children."""
        return "".join(self.pieces).strip()

    def all(self, tag: str) -> Iterator[Element]:
        """Children called `tag`, in order; `AREA_ESTIMATES` equals `AreaEstimates`."""
        plain = _plain(tag)
        return (child for child in self.children if _plain(child.tag) == plain)

    def find(self, path: str) -> Element | None:
        """First descendant at a path of tags, `A/B/C`."""
        here: Element | None = self
        for tag in path.split("/"):
            here = next(here.all(tag), None) if here is not None else None
        return here

    def walk(self) -> Iterator[Element]:
        """This element and everything below it, in document order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))


@lru_cache(maxsize=4096)
def _plain(tag: str) -> str:
    """A tag without capitals, hyphens and underscores, which versions write differently."""
    return tag.replace("_", "").replace("-", "").lower()


def parse_xml(data: bytes, *, source: str, first_line: int = 1) -> Element:
    """Parse XML and return its root element; `first_line` is the line of `data` in the file.

    Raises:
        ReportError: The data are cut off or not XML; the message names the line.
    """
    for encoding in (None, FALLBACK_ENCODING):
        try:
            return _parse(data, encoding, source=source, first_line=first_line)
        except ReportError:
            raise
        except (LookupError, ValueError):  # an encoding that expat does not support
            if encoding is not None:
                raise
        except expat.ExpatError as error:
            if encoding is None and error.code in _ENCODING_ERRORS and not _is_utf8(data):
                continue
            reason = expat.errors.messages[error.code]
            where = f"{source}:{error.lineno + first_line - 1}"
            raise ReportError(problem(where, WHOLE, f"`{reason}`", AGAIN)) from None
    raise AssertionError("the last encoding returns or raises")


def _parse(data: bytes, encoding: str | None, *, source: str, first_line: int) -> Element:
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    root = Element("", 1)
    open_elements = [root]

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > DEEPEST:
            where = f"{source}:{parser.CurrentLineNumber + first_line - 1}"
            rule = "must be a csynth.xml or another report, which nest some ten elements"
            raise ReportError(problem(where, rule, f"<{tag[:60]}> inside {DEEPEST}", AGAIN))
        element = Element(tag, parser.CurrentLineNumber + first_line - 1, attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def doctype(*_: object) -> None:
        rule = "must hold no document type: entities are not expanded"
        where = f"{source}:{parser.CurrentLineNumber + first_line - 1}"
        raise ReportError(problem(where, rule, "a DOCTYPE", AGAIN))

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_elements.pop()
    parser.CharacterDataHandler = lambda text: open_elements[-1].pieces.append(text)
    parser.StartDoctypeDeclHandler = doctype
    parser.Parse(data, True)
    return root.children[0]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
