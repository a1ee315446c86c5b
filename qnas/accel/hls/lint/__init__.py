"""Checks of the C++ as text, where it is generated: what no compiler at hand would notice.

g++ ignores HLS pragmas, so one that is misspelt or names nothing would be lost in silence; and what
makes a pipeline start slowly computes the same values. One function a rule, one file a subject.
"""

from __future__ import annotations

from qnas.accel.hls.lint import bindings, dataflow, loops, pragma_table, scopes, style
from qnas.accel.hls.lint.cpp import Finding, Rule, Sources
from qnas.errors import GeneratorError

RULES: tuple[Rule, ...] = (
    style.sources_parse,
    pragma_table.pragmas_stand_in_functions,
    pragma_table.options_are_known,
    scopes.variables_exist,
    scopes.instances_exist,
    scopes.dimensions_fit,
    scopes.constants_exist,
    scopes.loop_pragmas_head_loops,
    scopes.loops_are_pipelined_unrolled_or_named,
    scopes.pipelines_start_every_cycle,
    scopes.outer_loops_are_not_pipelined,
    bindings.products_are_bound_where_declared,
    bindings.sums_of_products_are_not_bound,
    style.shifts_are_by_unsigned_numbers,
    bindings.top_arguments_have_interfaces,
    bindings.depths_are_given,
    dataflow.regions_hold_declarations_and_calls,
    dataflow.streams_join_two_processes,
    dataflow.processes_take_plain_arguments,
    dataflow.arrays_belong_to_one_process,
    bindings.fifos_are_bound,
    bindings.registers_are_bound_to_no_ram,
    loops.loads_come_before_stores,
    loops.memories_have_one_store_site,
    loops.lanes_carry_sums_alone,
    loops.array_waits_for_no_stream,
    style.plain_hardware_cpp,
)


def lint(sources: Sources, rules: tuple[Rule, ...] = RULES) -> tuple[Finding, ...]:
    """Every breach of every rule, in the rules' order; of sources that do not parse, of the style
    alone."""
    if any(style.sources_parse(sources)):
        rules = (style.sources_parse, style.plain_hardware_cpp)
    return tuple(finding for rule in rules for finding in rule(sources))


def check_sources(sources: Sources) -> None:
    """GeneratorError naming file, line and rule of the first breach."""
    findings = lint(sources)
    if findings:
        raise GeneratorError(
            f"{findings[0]} ({len(findings)} in all). The generator is at fault: report it."
        )


__all__ = ["RULES", "Finding", "Rule", "Sources", "check_sources", "lint"]
