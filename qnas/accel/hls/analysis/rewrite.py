"""Emitted C++ as the analysis compiles it: numbers that know when they are there.

The copy computes what the original computes. What it has besides: `int`, `short` and `bool` are of
the stand-in's type, `a ? b : c` is a function (hardware makes both), conditions live as long as the
statement that they stand in, memories, tables and ports say who touches them, pipelined loops say
where an iteration begins, and every statement says its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from qnas.accel.hls.analysis.pipelines import PipelinedLoop
from qnas.accel.hls.analysis.syntax import assigned, escapes, ifs
from qnas.accel.hls.lint.cpp import CONSTANT, parsed
from qnas.errors import GeneratorError, problem

NATIVE = {"int": "::timing::Int", "short": "::timing::Short", "bool": "::timing::Bool"}
VERBATIM = {  # compile-time things, and what is no code
    "template_parameter_list",
    "template_argument_list",
    "static_assert_declaration",
    "enum_specifier",
    "comment",
    "preproc_include",
    "preproc_def",
    "preproc_function_def",
}
STATEMENTS = {
    "expression_statement",
    "declaration",
    "if_statement",
    "for_statement",
    "labeled_statement",
    "switch_statement",
    "return_statement",
}
REGISTER_ROWS = 4  # HLS makes registers of arrays with fewer elements
FILE_LINES = 100_000  # a line's number is that of its file times this, and the line
BIND_OP = re.compile(r"BIND_OP variable=(\w+) op=mul impl=(\w+)")
BIND_STORAGE = re.compile(r"BIND_STORAGE variable=(\w+) .*impl=(\w+)")
MEMORY = re.compile(r"typedef ([\w:]+(?:<.*?>)?) (\w+Memory)((?:\[[^\]]+\])+);")


@dataclass
class Rewriter:
    """Rewrites one file. `loops`: its pipelined loops, by line; `storage`: of memories, by name."""

    path: str
    source: bytes
    file: int
    loops: Mapping[int, tuple[int, PipelinedLoop]]  # by the line of `for`
    storage: Mapping[str, str]
    registers: frozenset[str] = frozenset()  # types of memories that are too small to be one
    guards: list[str] = field(default_factory=list)  # of the functions and loops that are open
    returns: list[str] = field(default_factory=list)  # type of the open function's result
    names: list[str] = field(default_factory=list)  # declared in the open function so far

    def text(self) -> str:
        """The rewritten file. GeneratorError if it does not parse."""
        tree = parsed(self.source)
        if tree.root_node.has_error:
            rule, remedy = "must be C++ that the analysis reads", "Report it."
            raise GeneratorError(problem(self.path, rule, "a syntax it does not know", remedy))
        return self.render(tree.root_node)

    def raw(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode()

    def render(self, node: Node) -> str:
        """The text of a node."""
        if node.type in VERBATIM or self._constexpr(node):
            return self.raw(node)
        handler = getattr(self, f"_{node.type}", None)
        return str(handler(node)) if handler else self.plain(node)

    def plain(self, node: Node, *, skip: Sequence[Node] = ()) -> str:
        """All children in turn, with what lies between them."""
        if not node.children:
            return self.raw(node)
        parts, at = [], node.start_byte
        for child in node.children:
            parts.append(self.source[at : child.start_byte].decode())
            if child not in skip:
                parts.append(self.render(child))
            at = child.end_byte
        parts.append(self.source[at : node.end_byte].decode())
        return "".join(parts)

    def _constexpr(self, node: Node) -> bool:
        return node.type in ("declaration", "function_definition", "field_declaration") and any(
            self.raw(child) == "constexpr" for child in node.children
        )

    # Types.

    def _primitive_type(self, node: Node) -> str:
        return NATIVE.get(self.raw(node), self.raw(node))

    _sized_type_specifier = _primitive_type

    def _array_declarator(self, node: Node) -> str:
        size = node.child_by_field_name("size")
        inner = node.child_by_field_name("declarator")
        return f"{self.render(inner) if inner else ''}[{self.raw(size) if size else ''}]"

    def _parameter_declaration(self, node: Node) -> str:
        declarator = node.child_by_field_name("declarator")
        kind = node.child_by_field_name("type")
        if declarator and kind and declarator.type == "pointer_declarator":
            name = declarator.child_by_field_name("declarator")
            return f"::timing::Port<{self.render(kind)}> {self.raw(name) if name else ''}"
        if declarator:
            self._declare(declarator)
        return self.plain(node)

    def _declare(self, declarator: Node | None) -> None:
        while declarator is not None and declarator.type != "identifier":
            declarator = declarator.child_by_field_name("declarator") or next(
                (c for c in declarator.children if c.type in ("identifier", "array_declarator")),
                None,
            )
        if declarator is not None:
            self.names.append(self.raw(declarator))

    def _struct_specifier(self, node: Node) -> str:
        """Fields of the tables of stages are one value for a whole loop, but no constants."""
        if self.path != "src/stage.hpp":
            return self.plain(node)
        kinds = {"int": "::timing::Invariant", "short": "::timing::Invariant"}
        text = self.plain(node)
        for name, native in NATIVE.items():
            if name in kinds:
                text = text.replace(native, kinds[name])
        return re.sub(
            r"^(    )(Kind|Tensor|Epilogue) ", r"\1::timing::Constant<\2> ", text, flags=re.M
        )

    def _type_definition(self, node: Node) -> str:
        found = MEMORY.fullmatch(self.raw(node))
        if not found or found[2] in self.registers:
            return self.plain(node)
        sizes = ", ".join(re.findall(r"\[([^\]]+)\]", found[3]))
        return f"typedef ::timing::Memory<{found[1]}, {sizes}> {found[2]};"

    # Declarations.

    def _declaration(self, node: Node) -> str:
        raw = self.raw(node)
        if table := re.match(r"static const (ap_\w+<\d+>) (\w+)\[(\w+)\] =\s*\{", raw):
            head = f"static const ::timing::Table<{table[1]}, {table[3]}> {table[2]} = {{{{"
            return head + raw[table.end() :].rstrip().removesuffix("};") + "}};"
        if memory := re.fullmatch(r"(static (?:qnas::)?\w+Memory) (\w+);", raw):
            impl = self.storage.get(memory[2])
            if impl is not None and memory[1].split()[-1].split("::")[-1] not in self.registers:
                return f'{memory[1]} {memory[2]}("{memory[2]}", ::timing::{impl});'
        outer = node.parent.parent if node.parent else None
        if outer is not None and outer.type == "function_definition":
            for child in node.children_by_field_name("declarator"):
                self._declare(child)
        return self.plain(node)

    def _function_definition(self, node: Node) -> str:
        kind, body = node.child_by_field_name("type"), node.child_by_field_name("body")
        if body is None or body.type != "compound_statement":
            return self.plain(node)
        self.names = []
        self.guards.append("guard_function")
        self.returns.append(self.render(kind) if kind else "void")
        declarator = node.child_by_field_name("declarator")
        head = self.source[node.start_byte : body.start_byte].decode()
        if declarator is not None:
            before = self.source[node.start_byte : declarator.start_byte].decode()
            prefix = (
                before if kind is None else before.replace(self.raw(kind), self.render(kind), 1)
            )
            head = prefix + self.render(declarator) + " "
        opening = " ::timing::Frame frame_function;"
        if any(escapes(node, "return_statement") for node in ifs(body)):
            opening += " ::timing::Guard guard_function;"
            self.guards[-1] = "guard_function!"
        text = self._body(body, opening)
        self.guards.pop()
        self.returns.pop()
        return head + text

    def _body(self, node: Node, opening: str) -> str:
        """A compound statement with something at its start."""
        text = self.render(node)
        return "{" + opening + text[1:]

    # Statements.

    def _compound_statement(self, node: Node) -> str:
        return self._statements(node)

    def _case_statement(self, node: Node) -> str:
        return self._statements(node)

    def _statements(self, node: Node) -> str:
        parts, at = [], node.start_byte
        children = node.children
        for index, child in enumerate(children):
            parts.append(self.source[at : child.start_byte].decode())
            text = self.render(child)
            if child.type in STATEMENTS and not (
                node.type == "case_statement" and child == node.child_by_field_name("value")
            ):
                text = f"::timing::at({self._line(child)}); {self._bound(children, index, text)}"
            parts.append(text)
            at = child.end_byte
        parts.append(self.source[at : node.end_byte].decode())
        return "".join(parts)

    def _line(self, node: Node) -> int:
        return self.file * FILE_LINES + int(node.start_point[0]) + 1

    def _bound(self, children: Sequence[Node], index: int, text: str) -> str:
        """A product whose operator a BIND_OP below it names."""
        if children[index].type != "declaration":
            return text
        for below in children[index + 1 :]:
            if below.type != "preproc_call":
                break
            found = BIND_OP.search(self.raw(below))
            if found and re.search(rf"\b{found[1]} = ", self.raw(children[index])):
                kind = "DSP" if found[2] == "dsp" else "FABRIC"
                state = "::timing::state().multiplier"
                return f"{state} = ::timing::{kind}; {text} {state} = ::timing::ANY;"
        return text

    def _if_statement(self, node: Node) -> str:
        condition = node.child_by_field_name("condition")
        assert condition is not None
        inner = self.render(condition)[1:-1]
        kind = f"::timing::Branch({inner})"
        name = "Branch"
        if escapes(node, "return_statement") and self.guards:
            name, kind = "Escape", f"::timing::Escape(guard_function, {inner})"
        elif escapes(node, "continue_statement"):
            name, kind = "Escape", f"::timing::Escape(guard_loop, {inner})"
        text, at = [], node.start_byte
        for child in node.children:
            text.append(self.source[at : child.start_byte].decode())
            if child == condition:
                text.append(f"(const ::timing::{name}& branch_ = {kind})")
            else:
                text.append(self.render(child))
            at = child.end_byte
        if node.child_by_field_name("alternative") is None:
            kept = " ".join(f"::timing::keep({name});" for name in assigned(node))
            text.append(f" else {{ {kept} }}" if kept else "")
        return "".join(text)

    def _switch_statement(self, node: Node) -> str:
        condition = node.child_by_field_name("condition")
        assert condition is not None
        inner = self.render(condition)[1:-1]
        branch = f"::timing::Branch({inner}, true)"
        return f"if (const ::timing::Branch& branch_ = {branch}) {self.plain(node)}"

    def _return_statement(self, node: Node) -> str:
        if not self.guards or not self.guards[-1].endswith("!") or len(node.named_children) != 1:
            return self.plain(node)
        value = self.render(node.named_children[0])
        return f"return ::timing::returned<{self.returns[-1]}>(guard_function, {value});"

    def _conditional_expression(self, node: Node) -> str:
        parts = (node.child_by_field_name(n) for n in ("condition", "consequence", "alternative"))
        return f"::timing::select({', '.join(self.render(part) for part in parts if part)})"

    def _binary_expression(self, node: Node) -> str:
        operator = node.child_by_field_name("operator")
        name = {"&&": "both", "||": "either"}.get(self.raw(operator) if operator else "")
        left, right = (node.child_by_field_name(side) for side in ("left", "right"))
        if name is None or left is None or right is None:
            return self.plain(node)
        return f"::timing::{name}({self.render(left)}, [&] {{ return {self.render(right)}; }})"

    def _for_statement(self, node: Node) -> str:
        body = node.child_by_field_name("body")
        guard = body is not None and any(
            escapes(one, "continue_statement") for one in ifs(body, loops=False)
        )
        known = self.loops.get(int(node.start_point[0]) + 1)
        if known is None:
            return self._with_guard(node, body) if guard else self.plain(node)
        assert body is not None
        outer = "".join(f' loop_.name({name}, "{name}");' for name in dict.fromkeys(self.names))
        text = self._with_guard(node, body) if guard else self.plain(node)
        head = text[: text.index("{")]
        initial, condition, step = self._head(head)
        loop = f"for ({initial}; loop_.begin(), loop_.test({condition}); {step}) "
        return f"{{ ::timing::Loop loop_({known[0]});{outer} {loop}{text[len(head) :]} }}"

    def _head(self, text: str) -> tuple[str, str, str]:
        inner = text.strip().removeprefix("for").strip()[1:-1]
        initial, condition, step = (part.strip() for part in inner.split(";"))
        return initial, condition, step

    def _with_guard(self, node: Node, body: Node | None) -> str:
        text = self.plain(node)
        opening = text.index("{")
        return f"{text[: opening + 1]} ::timing::Guard guard_loop;{text[opening + 1 :]}"


def rewritten(sources: Mapping[str, str], loops: Sequence[PipelinedLoop]) -> dict[str, str]:
    """Path -> text of every source; loops have the numbers of their places in `loops`, files those
    of theirs in `sources`."""
    constants = {name: int(value) for name, value in CONSTANT.findall(sources["src/plan.hpp"])}
    storage = {
        name: impl.upper()
        for text in sources.values()
        for name, impl in BIND_STORAGE.findall(text)
        if impl in ("bram", "lutram", "uram")
    }
    registers = frozenset(
        name
        for _, name, sizes in MEMORY.findall(sources["src/types.hpp"])
        if (rows := re.match(r"\[plan::(\w+)\]", sizes))
        and constants.get(rows[1], REGISTER_ROWS) < REGISTER_ROWS
    )
    result = {}
    for file, (path, text) in enumerate(sources.items()):
        own = {loop.for_line: (n, loop) for n, loop in enumerate(loops) if loop.path == path}
        verbatim = path in ("src/plan.hpp", "src/dataflow.hpp")
        rewriter = Rewriter(path, text.encode(), file, own, storage, registers)
        result[path] = text if verbatim else rewriter.text()
    return result
