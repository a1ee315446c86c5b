from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from qnas.accel.device import device_names
from qnas.cli.main import cli


def devices(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["devices", *map(str, arguments)])


def test_the_list_has_every_board_in_one_line_each() -> None:
    result = devices()
    assert result.exit_code == 0
    for name in device_names():
        (row,) = [line for line in result.stdout.splitlines() if f"│ {name} " in line]
        assert "│" in row
    assert "274,080" in result.stdout and "2,520" in result.stdout


def test_one_board_with_limits_and_sources() -> None:
    result = devices("zcu102")
    assert result.exit_code == 0
    assert "191,856" in result.stdout  # 70 % of the LUTs
    assert "AMD DS891" in result.stdout
    assert "clock_mhz = 150" in result.stdout and "assumed: the clock" in result.stdout


def test_an_own_file_by_path_and_a_misspelt_name(tmp_path: Path) -> None:
    import qnas.accel

    text = (Path(qnas.accel.__file__).parent / "devices" / "kv260.toml").read_text()
    own = tmp_path / "mine.toml"
    own.write_text(text.replace('name = "kv260"', 'name = "mine.b"'))
    assert devices(own).stdout.startswith("mine.b")
    result = devices("zcu12")
    assert result.exit_code == 2
    assert "Did you mean 'zcu102'?" in result.stderr
