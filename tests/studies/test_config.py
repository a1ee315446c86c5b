from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnas._util.serialization import decode, encode
from qnas.errors import ConfigError, QnasError, UnknownNameError
from qnas.studies.config import SearchConfig, Study, load_config
from tests.tiny import TINY

GOOD = """
name = "mine"
space = "digits"
data = "digits"
device = "zcu102"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text)
    return path


def test_defaults(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert config.objectives == ("error", "latency", "dsp")
    assert config.search == SearchConfig()
    assert config.fps_targets == ()


def test_a_study_without_a_name_is_called_after_its_space_and_device(tmp_path: Path) -> None:
    nameless = "\n".join(line for line in GOOD.splitlines() if not line.startswith("name"))
    assert load_config(write(tmp_path, nameless)).name == "digits_zcu102"


def test_a_space_may_stand_in_the_study_itself(tmp_path: Path) -> None:
    table = "\n".join(f"{k} = {json.dumps(v)}" for k, v in encode(TINY).items())
    text = GOOD.replace('space = "digits"\n', "") + f"[space]\n{table}\n"
    assert load_config(write(tmp_path, text)).search_space() == TINY
    with pytest.raises(ConfigError, match="embed_dims"):
        load_config(write(tmp_path, text.replace("embed_dims = [16", "embed_dims = [-16")))
    with pytest.raises(ConfigError) as both:
        load_config(write(tmp_path, GOOD.replace('"zcu102"', "5")))
    assert str(both.value) == (
        "`study.toml: device` must be a valid string; got 5. Correct the value."
    )
    with pytest.raises(ConfigError, match="Did you mean 'depths'"):
        load_config(write(tmp_path, text.replace("depths =", "depth =")))


BAD: dict[str, tuple[str, type[QnasError], str]] = {
    "unknown key": (GOOD + "sede = 1", ConfigError, "'seed'"),
    "unknown key in a section": (GOOD + "[search]\ntrails = 5", ConfigError, "'trials'"),
    "wrong type": (GOOD + 'seed = "one"', ConfigError, "seed"),
    "wrong type in a section": (GOOD + '[search]\ntrials = "many"', ConfigError, "search.trials"),
    "a float for a count": (GOOD + "[search]\ntrials = 5.5", ConfigError, "search.trials"),
    "missing key": ('name = "mine"', ConfigError, "must be given"),
    "not TOML": ("name = ", ConfigError, "TOML"),
    "space": (GOOD.replace('space = "digits"', 'space = "digit"'), UnknownNameError, "'digits'"),
    "data": (GOOD.replace('data = "digits"', 'data = "mnist"'), UnknownNameError, "data"),
    "device": (GOOD.replace("zcu102", "zcu12"), UnknownNameError, "'zcu102'"),
    "objective": (GOOD + 'objectives = ["error", "latncy"]', UnknownNameError, "'latency'"),
    "no error": (GOOD + 'objectives = ["latency", "dsp"]', ConfigError, "'error'"),
    "one objective": (GOOD + 'objectives = ["error"]', ConfigError, "one more"),
    "twice": (GOOD + 'objectives = ["error", "dsp", "dsp"]', ConfigError, "repeats"),
    "name escapes": (GOOD.replace("mine", "../mine"), ConfigError, "plain folder name"),
    "name hides": (GOOD.replace("mine", ".mine"), ConfigError, "plain folder name"),
    "name is a space": (GOOD.replace("mine", " "), ConfigError, "plain folder name"),
    "negative target": (GOOD + "fps_targets = [-5]", ConfigError, "fps_targets"),
    "shares fall": (GOOD + "[search]\ndsp_shares = [0.5, 0.2]", ConfigError, "dsp_shares"),
    "share beyond 1": (GOOD + "[search]\ndsp_shares = [0.5, 1.2]", ConfigError, "dsp_shares"),
    "no trials": (GOOD + "[search]\ntrials = 0", ConfigError, "search.trials"),
    "population of one": (GOOD + "[search]\npopulation = 1", ConfigError, "search.population"),
    "population beyond trials": (GOOD + "[search]\ntrials = 5", ConfigError, "search.trials (5)"),
    "no batch": (GOOD + "[search]\nbatch = 0", ConfigError, "search.batch"),
    "a large batch": (GOOD + "[search]\nbatch = 65", ConfigError, "whole number from 1 to 64"),
    "share of no DSP": (GOOD + "[search]\ndsp_shares = [1e-9]", ConfigError, "must leave one of"),
    "smoothing": (GOOD + "[train]\nlabel_smoothing = 1.0", ConfigError, "must be at most 0.99"),
    "warm-up": (GOOD + "[train]\nwarmup_fraction = 1.5", ConfigError, "must be at most 1;"),
    "threads": (GOOD + "[train]\nthreads = 1000", ConfigError, "train.threads"),
    "sampler": (
        GOOD + '[search]\nsampler = "TPESmpler"',
        UnknownNameError,
        "Did you mean 'TPESampler'",
    ),
    "setting": (GOOD + "[search.settings]\nmutation_probb = 0.1", ConfigError, "mutation_probb"),
    "no epochs": (GOOD + "[train]\nepochs = 0", ConfigError, "train.epochs"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_with_the_key_and_a_remedy(case: str, tmp_path: Path) -> None:
    text, error, says = BAD[case]
    with pytest.raises(error) as caught:
        load_config(write(tmp_path, text))
    assert says in str(caught.value)


def test_an_absent_file_and_an_unknown_study_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="readable TOML file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(UnknownNameError, match="digits_zcu102"):
        load_config("digits_zcu12")


def test_a_relative_device_is_looked_up_beside_the_toml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qnas.accel

    board = Path(qnas.accel.__file__).parent / "devices" / "zcu102.toml"
    (tmp_path / "board.toml").write_text(board.read_text())
    path = write(tmp_path, GOOD.replace("zcu102", "board.toml"))
    monkeypatch.chdir("/")
    assert load_config(path).device == str(tmp_path / "board.toml")


def test_a_model_s_folder_needs_no_slash(tmp_path: Path) -> None:
    folder = tmp_path / "deit_small_patch16_224"
    path = write(tmp_path, f'pretrained = "{folder.name}"\n' + GOOD)
    assert load_config(path).pretrained == folder.name  # timm's
    folder.mkdir()
    (folder / "pytorch_model.bin").touch()
    assert load_config(path).pretrained == str(folder)


configs = st.builds(
    Study,
    name=st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True),
    space=st.just("digits"),
    data=st.just("digits"),
    device=st.just("zcu102"),
    seed=st.integers(0, 2**32 - 1),
    fps_targets=st.lists(st.integers(1, 10**6), unique=True, max_size=4).map(tuple),
    search=st.builds(
        SearchConfig,
        trials=st.integers(1000, 10**6),
        population=st.integers(2, 1000),
        dsp_shares=st.lists(st.floats(1e-3, 1.0), unique=True, min_size=1, max_size=5).map(
            lambda shares: tuple(sorted(shares))
        ),
    ),
)


@given(configs)
def test_a_config_survives_json(config: Study) -> None:
    data: Any = json.loads(json.dumps(encode(config)))
    assert decode(Study, data, subject="study") == config
