"""Errors: one root, and each child also the built-in that fits.

Every message says subject, rule, value and remedy, in that order::

    `embed_dim` must be a multiple of 8; got 190. Choose 184 or 192.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QnasError(Exception):
    """Root of every error that qnas raises on purpose. The CLI turns it into exit status 2."""


class ConfigError(QnasError, ValueError):
    """A value from a user's file or call breaks a rule."""


class UnknownNameError(QnasError, LookupError):
    """A name (device, space, objective, key) that nothing answers to."""


class CapacityError(QnasError, ValueError):
    """Something does not fit: a number its format, a plan its device."""


class ReportError(QnasError, ValueError):
    """A file of a synthesis tool is cut off, damaged, or no report that qnas reads."""


class CheckpointError(QnasError, ValueError):
    """A stored file is damaged, or belongs to something else."""


class ToolMissingError(QnasError, OSError):
    """A program that a step needs is not installed, or failed to run."""


class DependencyError(QnasError, ImportError):
    """A Python package that a step needs is not installed: an optional extra, most often."""


class CompileError(QnasError, RuntimeError):
    """A project's C++ does not compile: nothing is known of what it computes."""


class GeneratorError(QnasError, RuntimeError):
    """Generated text breaks a rule of HLS: a fault of the generator, not of its input."""


class TrainingError(QnasError, FloatingPointError):
    """Training diverged: a loss or a weight is no number any more."""


class EvaluationError(QnasError, RuntimeError):
    """The search cannot evaluate its candidates."""


class VerificationError(QnasError, ArithmeticError):
    """Two rungs of the ladder disagree: generated hardware and integer reference."""


class StageOrderError(QnasError, RuntimeError):
    """A stage of the run was asked for before the stage it stands on."""


def problem(subject: str, rule: str, value: object, remedy: str) -> str:
    """The sentence of an error: "`subject` rule; got value. remedy"."""
    return printable(f"`{printable(subject)}` {rule}; got {value}. {remedy}", keep="\n\t")


def printable(text: str, *, keep: str = "") -> str:
    """`text` with every control character, mark of direction and undecodable byte as an escape:
    what a file or its name says never steers a terminal."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for a misspelt name: the closest known one, then all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return f"{guess}Known: {', '.join(names)}."
