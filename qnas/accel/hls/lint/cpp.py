"""C++ as the rules see it: functions, what they declare, and the pragmas that stand in them; and
Finding, a rule that a line breaks.

Parsed by tree-sitter's grammar of C++: no preprocessor runs, macros look like calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import tree_sitter_cpp
from tree_sitter import Language, Node, Parser, Tree

Sources = Mapping[str, str]  # path -> text
PRAGMA = re.compile(r"HLS\s+(\w+)\s*(.*)", re.DOTALL)
CONSTANT = re.compile(r"constexpr int (\w+) = (\d+);")  # of the plan: name, value
LOOPS = ("for_statement", "while_statement", "do_statement")


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared name: its type as written, the sizes of its own dimensions, and whether it is a
    constant, a reference or a pointer."""

    name: str
    type: str
    sizes: tuple[str, ...]
    constant: bool
    reference: bool
    pointer: bool


@dataclass(frozen=True, slots=True)
class Pragma:
    """One `#pragma HLS`: the text behind its name, cut into words and settings, and the block that
    it stands in. Names of options are lower case, as the tool reads them."""

    path: str
    line: int
    kind: str
    options: tuple[tuple[str, str | None], ...]
    block: Node

    def __str__(self) -> str:
        words = (f"{name}={value}" if value is not None else name for name, value in self.options)
        return " ".join(("#pragma HLS", self.kind, *words))

    def get(self, name: str) -> str | None:
        """Value of a setting."""
        return next((value for option, value in self.options if option == name), None)

    def says(self, word: str) -> bool:
        return (word, None) in self.options

    @property
    def names(self) -> tuple[str, ...]:
        """Variables and ports that it names."""
        named = (value for name, value in self.options if name in ("variable", "port"))
        return tuple(value for value in named if value)

    @property
    def loop(self) -> Node | None:
        """The loop whose body's head it stands at."""
        if self.block.parent is None or self.block.parent.type not in LOOPS:
            return None
        above = (child for child in self.block.named_children if line_of(child) < self.line)
        heads = all(child.type in ("preproc_call", "comment") for child in above)
        return self.block.parent if heads else None


@dataclass(frozen=True, slots=True)
class Function:
    """A function definition; its body is a node of the syntax tree."""

    path: str
    name: str
    line: int
    parameters: tuple[Variable, ...]
    body: Node
    pragmas: tuple[Pragma, ...]
    loops: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """One source file."""

    path: str
    root: Node
    functions: tuple[Function, ...]
    typedefs: Mapping[str, tuple[str, tuple[str, ...]]]  # name -> type, sizes
    tables: tuple[Variable, ...]  # declared outside of functions


def parsed(source: bytes) -> Tree:
    """A parsed source. Errors of syntax are nodes of type ERROR."""
    return Parser(Language(tree_sitter_cpp.language())).parse(source)


@lru_cache(maxsize=256)  # every rule asks for them, of every file
def unit(path: str, text: str) -> Unit:
    """A file, parsed."""
    root = parsed(text.encode()).root_node
    nodes = tuple(descendants(root))
    return Unit(
        path,
        root,
        tuple(_function(path, node) for node in nodes if node.type == "function_definition"),
        {name: (kind, sizes) for node in nodes for name, kind, sizes in _typedef(node)},
        tuple(
            variable
            for node in nodes
            if node.type == "declaration" and not inside(node, "function_definition")
            for variable in declared(node)
        ),
    )


def units(sources: Sources) -> tuple[Unit, ...]:
    return tuple(unit(path, text) for path, text in sources.items())


def functions(sources: Sources) -> Iterator[Function]:
    for one in units(sources):
        yield from one.functions


def pragmas(sources: Sources) -> Iterator[Pragma]:
    """Every pragma inside a function, in order."""
    for function in functions(sources):
        yield from function.pragmas


def descendants(node: Node) -> Iterator[Node]:
    """All named nodes below, in the order of the text."""
    waiting = node.named_children[::-1]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += current.named_children[::-1]


def inside(node: Node, kind: str) -> Node | None:
    """The nearest node of that type around."""
    parent = node.parent
    while parent is not None and parent.type != kind:
        parent = parent.parent
    return parent


def text_of(node: Node | None) -> str:
    return node.text.decode() if node is not None and node.text is not None else ""


def line_of(node: Node) -> int:
    return node.start_point.row + 1


def _function(path: str, node: Node) -> Function:
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type != "function_declarator":
        declarator = declarator.child_by_field_name("declarator") or declarator.named_children[0]
    body = node.child_by_field_name("body")
    if declarator is None or body is None:
        return Function(path, "", line_of(node), (), node, (), ())
    listed = declarator.child_by_field_name("parameters")
    parameters = (
        ()
        if listed is None
        else tuple(
            variable
            for child in listed.named_children
            if child.type == "parameter_declaration"
            for variable in declared(child)
        )
    )
    name = text_of(declarator.child_by_field_name("declarator")).rpartition("::")[2]
    inner = tuple(descendants(body))
    found = tuple(_pragma(path, child) for child in inner if is_pragma(child))
    loops = tuple(child for child in inner if child.type in LOOPS)
    return Function(path, name, line_of(node), parameters, body, found, loops)


def is_pragma(node: Node) -> bool:
    return node.type == "preproc_call" and "HLS" in text_of(node)


def _pragma(path: str, node: Node) -> Pragma:
    argument = text_of(node.child_by_field_name("argument")).strip()
    found = PRAGMA.fullmatch(argument)
    kind, rest = (found[1], found[2]) if found else ("", argument)
    options = []
    for word in rest.split():
        name, equals, value = word.partition("=")
        options.append((name.lower(), value if equals else None))
    block = inside(node, "compound_statement") or node
    return Pragma(path, line_of(node), kind.upper(), tuple(options), block)


def declared(node: Node) -> Iterator[Variable]:
    """Variables of a declaration or a parameter."""
    kind = text_of(node.child_by_field_name("type"))
    constant = any(child.type == "type_qualifier" for child in node.named_children)
    for child in node.children_by_field_name("declarator"):
        found = _declarator(child)
        if found is not None:
            yield Variable(found[0], kind, found[1], constant, found[2], found[3])


def _declarator(node: Node) -> tuple[str, tuple[str, ...], bool, bool] | None:
    """(name, sizes, is a reference, is a pointer)."""
    sizes: list[str] = []
    reference = pointer = False
    while node.type not in ("identifier", "type_identifier", "field_identifier"):
        if node.type == "array_declarator":
            sizes.insert(0, text_of(node.child_by_field_name("size")))
        reference = reference or node.type == "reference_declarator"
        pointer = pointer or node.type == "pointer_declarator"
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type in ("reference_declarator", "pointer_declarator"):
            inner = node.named_children[-1]
        if inner is None or node.type == "function_declarator":
            return None
        node = inner
    return text_of(node), tuple(sizes), reference, pointer


def _typedef(node: Node) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if node.type == "type_definition":
        kind = text_of(node.child_by_field_name("type"))
        for child in node.children_by_field_name("declarator"):
            found = _declarator(child)
            if found is not None:
                yield found[0], kind, found[1]


class Finding(NamedTuple):
    """A rule that a line breaks."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text.strip()}"


Rule = Callable[[Sources], Iterator[Finding]]


def at(pragma: Pragma, rule: str) -> Finding:
    """Of the line of a pragma."""
    return Finding(pragma.path, pragma.line, rule, str(pragma))
