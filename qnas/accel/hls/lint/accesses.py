"""The events of a loop's iteration or of a function, with every call that it makes written out.

An argument that a function takes by reference or as an array is the caller's variable there.
`memory[row][j]` is an access of `memory`, `cursor.step` one of `cursor`. Of an UNROLL loop one lane
is looked at: each has a bank of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from qnas.accel.hls.lint.cpp import (
    LOOPS,
    Function,
    declared,
    is_pragma,
    line_of,
    text_of,
)
from qnas.accel.hls.lint.events import Access, Branch, Call, Event, Exit, Frame

ASSIGNED = ("assignment_expression", "update_expression")
PLACES = ("identifier", "subscript_expression", "field_expression")
EXITS = {"continue_statement": "continue", "break_statement": "break"}
Functions = Mapping[str, Function]  # by name


def iteration(functions: Functions, function: Function, loop: Node) -> tuple[Event, ...]:
    """What an iteration of a loop of `function` does."""
    names = {v.name: v.name for v in function.parameters} | _declared_around(loop)
    reader = _Reader(functions, function, names)
    update = reader.expression(loop.child_by_field_name("update"))
    body = reader.statement(loop.child_by_field_name("body"))
    return (Frame(body, ("continue", "break")), *update)


def call_of(functions: Functions, function: Function) -> tuple[Event, ...]:
    """What a call of `function` does; its variables are named as its parameters."""
    reader = _Reader(functions, function, {v.name: v.name for v in function.parameters})
    return (Frame(reader.statement(function.body), ("return",)),)


def root_of(node: Node | None) -> str | None:
    """The variable that an element or a member is of; None for an expression."""
    while node is not None and node.type in ("subscript_expression", "field_expression"):
        node = node.child_by_field_name("argument")
    return text_of(node) if node is not None and node.type == "identifier" else None


def _declared_around(loop: Node) -> dict[str, str]:
    """Variables of the function that outlive an iteration."""
    names: dict[str, str] = {}
    node: Node | None = loop
    while node is not None and node.parent is not None:
        above = [s for s in node.parent.named_children if s.end_byte <= node.start_byte]
        if node.type == "for_statement":
            above += node.children_by_field_name("initializer")
        for sibling in above:
            if sibling.type == "declaration":
                names |= {v.name: v.name for v in declared(sibling)}
        node = node.parent
    return names


@dataclass
class _Reader:
    """Reads one function, or one written-out call of it.

    `names`: what its variables are to the loop's function; others live for the iteration alone,
    `local` ones in this function. `outlive`: those that outlive the lanes of an UNROLL loop.
    """

    functions: Functions
    function: Function
    names: dict[str, str]
    local: set[str] = field(default_factory=set)
    outlive: frozenset[str] = frozenset()
    conditional: bool = False
    callers: tuple[str, ...] = ()  # functions that are written out around

    def statement(self, node: Node | None) -> tuple[Event, ...]:
        if node is None or node.type == "comment" or is_pragma(node):
            return ()
        if node.type == "if_statement":
            return self._if(node)
        if node.type == "switch_statement":
            return self._switch(node)
        if node.type in LOOPS:
            return self._loop(node)
        if node.type == "return_statement":
            return (*self._all(node.named_children), Exit("return"))
        if node.type in EXITS:
            return (Exit(EXITS[node.type]),)
        if node.type == "declaration":
            return self._declaration(node)
        if node.type == "compound_statement":
            return replace(self, names=dict(self.names), local=set(self.local))._in_order(
                node.named_children
            )
        if node.type in ("labeled_statement", "expression_statement", "else_clause"):
            return self._in_order(node.named_children)
        return self.expression(node)

    def _in_order(self, nodes: list[Node]) -> tuple[Event, ...]:
        """What follows a conditional exit stands behind its condition."""
        events: list[Event] = []
        reader = self
        for node in nodes:
            events += reader.statement(node)
            if node.type == "if_statement" and any(
                word in text_of(node) for word in EXITS.values()
            ):
                reader = replace(reader, conditional=True)
        return tuple(events)

    def _all(self, nodes: list[Node]) -> tuple[Event, ...]:
        return tuple(event for node in nodes for event in self.expression(node))

    def _if(self, node: Node) -> tuple[Event, ...]:
        inner = replace(self, conditional=True)
        ways = tuple(
            inner.statement(node.child_by_field_name(way)) for way in ("consequence", "alternative")
        )
        return (*self.expression(node.child_by_field_name("condition")), Branch(ways))

    def _switch(self, node: Node) -> tuple[Event, ...]:
        body = node.child_by_field_name("body")
        inner = replace(self, conditional=True)
        ways = tuple(
            (Frame(inner._in_order(case.named_children), ("break",)),)
            for case in (body.named_children if body is not None else ())
            if case.type == "case_statement"
        )
        return (*self.expression(node.child_by_field_name("condition")), Branch((*ways, ())))

    def _loop(self, node: Node) -> tuple[Event, ...]:
        heads = {pragma.kind for pragma in self.function.pragmas if pragma.loop == node}
        inner = self
        if "UNROLL" in heads:
            known = self.outlive | {*self.names, *self.local}
            inner = replace(self, outlive=known, conditional=False)
        events = (
            *inner.statement(node.child_by_field_name("initializer")),
            *inner.expression(node.child_by_field_name("condition")),
            *inner.statement(node.child_by_field_name("body")),
        )
        return (Frame(events, ("continue", "break")),)

    def _declaration(self, node: Node) -> tuple[Event, ...]:
        events: list[Event] = []
        for child in node.children_by_field_name("declarator"):
            if child.type == "init_declarator":
                events += self.expression(child.child_by_field_name("value"))
        for variable in declared(node):
            self.names.pop(variable.name, None)  # it hides what an outer one was
            self.local.add(variable.name)
            self.outlive -= {variable.name}
        return tuple(events)

    def expression(self, node: Node | None) -> tuple[Event, ...]:
        if node is None or is_pragma(node):
            return ()
        if node.type in ASSIGNED:
            return self._assignment(node)
        if node.type == "call_expression":
            return self._call(node)
        if node.type in PLACES:
            return (*self._indices(node), *self._access(node))
        return self._all(node.named_children)

    def _assignment(self, node: Node) -> tuple[Event, ...]:
        """The right side is loaded first; `+=` and `++` load what they store."""
        update = node.type == "update_expression"
        target = node.child_by_field_name("argument" if update else "left")
        value = self.expression(node.child_by_field_name("right"))
        if target is None:
            return value
        loaded = update or text_of(node.child_by_field_name("operator")) != "="
        before = self._access(target) if loaded else ()
        return (*value, *self._indices(target), *before, *self._access(target, node))

    def _indices(self, node: Node) -> tuple[Event, ...]:
        """What is loaded to find an element."""
        events: tuple[Event, ...] = ()
        inner: Node | None = node
        while inner is not None and inner.type in ("subscript_expression", "field_expression"):
            indices = inner.child_by_field_name("indices")
            events = (*(self._all(indices.named_children) if indices else ()), *events)
            inner = inner.child_by_field_name("argument")
        if inner is None or inner.type == "identifier":
            return events
        return (*self.expression(inner), *events)

    def _access(self, node: Node, statement: Node | None = None) -> tuple[Event, ...]:
        name = root_of(node)
        if name is None:
            return ()
        return (
            Access(
                variable=self.names.get(name, name),
                store=statement is not None,
                path=self.function.path,
                line=line_of(node),
                carried=name in self.names,
                in_lane=name in self.outlive,
                conditional=self.conditional,
                indexed=node.type == "subscript_expression",
                statement=statement,
            ),
        )

    def _call(self, node: Node) -> tuple[Event, ...]:
        called, arguments = (node.child_by_field_name(n) for n in ("function", "arguments"))
        given = [] if arguments is None else arguments.named_children
        if called is not None and called.type == "field_expression":
            target = called.child_by_field_name("argument")
            name = root_of(target) or ""
            method = text_of(called.child_by_field_name("field"))
            event = Call(method, self.names.get(name, name), self.function.path, line_of(node))
            inner = self.expression(target)
            return (*inner, *self._all(given), event)
        name = text_of(called).rpartition("::")[2].partition("<")[0]
        event = Call(name, "", self.function.path, line_of(node))
        function = self.functions.get(name)
        if function is None or name in self.callers:
            return (*self._all(given), event)
        return (event, *self._written_out(function, given))

    def _written_out(self, function: Function, given: list[Node]) -> tuple[Event, ...]:
        """References and arrays are the caller's variables; values are loaded here."""
        events: list[Event] = []
        names: dict[str, str] = {}
        outlive = set()
        for parameter, argument in zip(function.parameters, given, strict=False):
            name = root_of(argument)
            if name is None or not (parameter.reference or parameter.sizes):
                events += self.expression(argument)
                continue
            events += self._indices(argument)
            if name in self.names:
                names[parameter.name] = self.names[name]
            if name in self.outlive:
                outlive.add(parameter.name)
        inner = replace(
            self,
            function=function,
            names=names,
            local={v.name for v in function.parameters},
            outlive=frozenset(outlive),
            callers=(*self.callers, function.name),
        )
        return (*events, Frame(inner.statement(function.body), ("return",)))
