"""XML with line numbers, and without what makes XML dangerous.

A document type is refused as soon as it begins, so no entity is ever declared, let alone expanded
or fetched. Nesting costs no recursion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from xml.parsers import expat

from qnas.errors import ReportError, problem

WHOLE = "must be a whole XML report"
DEEPEST = 200  # reports nest as deep as their hierarchy of instances
AGAIN = "Run the tool again, or give another file."
# A path or a comment in the code page of someone's machine, in a file that claims to be UTF-8.
FALLBACK_ENCODING = "iso-8859-1"
_ENCODING_ERRORS = (
    expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING],
    expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING],
)


@dataclass(slots=True)
class Element:
    """One tag: its attributes, its own text, the line it begins on, what lies inside."""

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()

    def all(self, tag: str) -> Iterator[Element]:
        """Children called `tag`, in order; `AREA_ESTIMATES` is the same as `AreaEstimates`."""
        plain = _plain(tag)
        return (child for child in self.children if _plain(child.tag) == plain)

    def find(self, path: str) -> Element | None:
        """The first descendant by a path of tags, `A/B/C`."""
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
    """A tag whatever its spelling; tools changed capitals, hyphens and underscores over time."""
    return tag.replace("_", "").replace("-", "").lower()


def parse_xml(data: bytes, *, source: str, first_line: int = 1) -> Element:
    """The root element; ReportError naming the line for what is cut off or no XML.

    `first_line` is that of `data` in the file.
    """
    for encoding in (None, FALLBACK_ENCODING):
        try:
            return _parse(data, encoding, source=source, first_line=first_line)
        except ReportError:
            raise
        except (LookupError, ValueError):  # an encoding that expat cannot be told of
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
