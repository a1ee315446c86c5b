"""Errors: one root class, and subclasses that also derive from the fitting built-in exception.

Every message gives the subject, the rule, the value and the remedy, in that order::

    `embed_dim` must be a multiple of 8; got 190. Choose 184 or 192.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QnasError(Exception):
    """Root of every error that qnas raises on purpose. The command line exits with status 2."""


class ConfigError(QnasError, ValueError):
    """A value from a user's file or call breaks a rule."""


class UnknownNameError(QnasError, LookupError):
    """A name (of a device, space, objective or key) is unknown."""


class CapacityError(QnasError, ValueError):
    """A number does not fit its format, or a plan does not fit its device."""


class ReportError(QnasError, ValueError):
    """A report of a synthesis tool is truncated, damaged or of an unknown format."""


class CheckpointError(QnasError, ValueError):
    """A stored file is damaged, or belongs to another run, study or network."""


class ToolMissingError(QnasError, OSError):
    """A program that a step needs is not installed, or failed to run."""


class DependencyError(QnasError, ImportError):
    """A Python package that a step needs is not installed; most are optional extras."""


class CompileError(QnasError, RuntimeError):
    """A project's C++ does not compile, so that it cannot be verified."""


class GeneratorError(QnasError, RuntimeError):
    """Generated code breaks a rule of HLS: a fault of the generator, not of its input."""


class TrainingError(QnasError, FloatingPointError):
    """Training diverged: a loss or a weight became NaN or infinite."""


class EvaluationError(QnasError, RuntimeError):
    """The search cannot evaluate its candidates."""


class VerificationError(QnasError, ArithmeticError):
    """The generated hardware disagrees with the integer reference."""


class MissedTargetError(QnasError, ValueError):
    """No member of the front reaches a target of the study; everything else is done. The command
    line exits with status 3."""


class StageOrderError(QnasError, RuntimeError):
    """A stage of a run was requested before a stage that it depends on."""


def problem(subject: str, rule: str, value: object, remedy: str) -> str:
    """Format the message of an error: "`subject` rule; got value. remedy"."""
    return printable(f"`{printable(subject)}` {rule}; got {value}. {remedy}", keep="\n\t")


def printable(text: str, *, keep: str = "") -> str:
    """`text` with control characters, direction marks and undecodable bytes escaped.

    Text from a file or a file's name can then not control the terminal. Characters in `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the closest known name, then all known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return f"{guess}Known: {', '.join(names)}."
