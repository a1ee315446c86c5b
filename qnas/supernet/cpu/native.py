"""The compiled passes of passes/*.cpp over activations and weights, for float32 on a CPU. Each
passes over memory once, where torch's operators need four to ten passes. g++ compiles them once,
into the user's cache; without a compiler, torch's operators compute the same functions more slowly.

Quantized values are the same either way, except for rare values half-way between two steps. The
passes add up in another order than torch and approximate exponentials in another way, so that the
probabilities and all gradients that are sums differ in their last bits: the same seed trains other
weights with the passes than without. `operators` returns which of the two computes.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

import torch
from torch import Tensor

from qnas._util.cache import kept, user_cache
from qnas._util.children import run_program

FOLDER = Path(__file__).with_name("passes")
# Sums may be vectorised; quotients stay quotients, so that values are rounded to torch's steps.
FLAGS = (
    *("-O3", "-march=native", "-std=c++17", "-fopenmp", "-shared", "-fPIC"),
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math"),
)
# Arguments of each pass: p a pointer, n an int64, i an int, f a float; threads come last.
KINDS = {"p": ctypes.c_void_p, "n": ctypes.c_int64, "i": ctypes.c_int, "f": ctypes.c_float}
ARGUMENTS = {
    "quantize_matrix": "ppppppppnnnfffi",
    "quantize_matrix_backward": "pppppppppppppnnnnfffi",
    "quantize_turned": "ppnnnnnnnpffi",
    "quantize_turned_backward": "pppnnnnnnnpffpi",
    "quantize_norm": "pppnnppfpfi",
    "quantize_norm_backward": "ppppnnpppfpppi",
    "quantize_hidden": "ppnnppiiii",
    "quantize_hidden_backward": "pppnnppiiippi",
    "add_on_grid": "pppnnnfi",
    "probabilities": "ppnnfffi",
    "probabilities_backward": "ppppnnfi",
}
MOST_COMPILE_S = 600.0
SWITCH = "QNAS_NATIVE"  # "0" in the environment: torch's operators everywhere


def takes(x: Tensor) -> bool:
    """Whether the passes are compiled and support this tensor."""
    return x.device.type == "cpu" and x.dtype is torch.float32 and _library() is not None


def run(name: str, *arguments: Tensor | float | None) -> None:
    """Run the named pass on torch's threads.

    Tensors are passed by address: they are float32 or bool, on the CPU, and kept alive by the
    caller.
    """
    library = _library()
    assert library is not None, "only where `takes` says so"
    plain = (a.data_ptr() if isinstance(a, Tensor) else a for a in arguments)
    getattr(library, name)(*plain, torch.get_num_threads())


def operators(device: str, *, bfloat16: bool = False) -> str:
    """What computes on a device of this type: "compiled" passes or "torch", and with `bfloat16`
    whether matrices are multiplied in it, which needs instructions of the processor."""
    passes = "compiled" if device == "cpu" and _library() is not None else "torch"
    return f"{passes}, bfloat16" if bfloat16 and takes_bfloat16(device) else passes


def takes_bfloat16(device: str) -> bool:
    """Whether products of bfloat16 are faster than those of float32 on a device of this type."""
    return device != "cpu" or multiplies_bfloat16()


@functools.cache
def why_not() -> str:
    """The reason why the passes are not compiled; "" if they are."""
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH}=0"
    try:
        _loaded_passes()
    except FileNotFoundError:
        return "no g++"
    except subprocess.SubprocessError:
        return "g++ does not compile them"
    except (OSError, AttributeError) as error:
        return " ".join(str(error).split())[:120] or type(error).__name__
    return ""


def _library() -> ctypes.CDLL | None:
    return None if why_not() else _loaded_passes()


@functools.cache
def _loaded_passes() -> ctypes.CDLL:
    library = _loaded(_compiled())
    for name, arguments in ARGUMENTS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = [KINDS[kind] for kind in arguments], None
    return library


def _loaded(content: bytes) -> ctypes.CDLL:
    """Load a library from memory: no other process can truncate a file that this process runs."""
    handle = os.memfd_create("qnas-passes")  # stays open: its number names the library
    with os.fdopen(handle, "wb", closefd=False) as stream:
        stream.write(content)
    return ctypes.CDLL(f"/proc/self/fd/{handle}")


def _compiled() -> bytes:
    """The library, compiled for these sources, these flags and this processor."""
    compiler = shutil.which("g++")
    if not compiler:
        raise FileNotFoundError("no g++")
    sources = [str(path) for path in sorted(FOLDER.glob("*.cpp"))]
    sha = hashlib.sha256()
    for path in sorted(FOLDER.iterdir()):
        sha.update(path.read_bytes())
    sha.update("\0".join((*FLAGS, compiler, _processor())).encode())

    def build(library: Path) -> None:
        command = [compiler, *FLAGS, *sources, "-o", str(library)]
        run_program(command, timeout_s=MOST_COMPILE_S).check_returncode()

    return kept(user_cache() / f"passes-{sha.hexdigest()[:16]}.so", build)


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16."""
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(_processor().split()))


@functools.cache
def _processor() -> str:
    """The processor that -march=native detects."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() + platform.machine()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
