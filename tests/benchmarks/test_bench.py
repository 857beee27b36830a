"""What `make bench` measures of `make test`."""

import sys

from bench import commands_of_test, measure

from embgan_edu.publish.chapters import checkout


def test_the_parts_of_make_test_are_those_of_the_makefile() -> None:
    commands = commands_of_test(checkout())
    for part in (
        "ruff check",
        "mypy",
        "-m data",
        "-m grading",
        "--nbval-lax",
        "notebook and not control",
        "site",
    ):
        assert any(part in command for command in commands), part
    assert not any("install" in command for command in commands)


def test_a_command_is_measured_with_its_memory_and_its_failure() -> None:
    code = "import time; x = bytearray(50_000_000); time.sleep(0.5); raise SystemExit(3)"
    seconds, megabytes, exit_code = measure([sys.executable, "-c", code], checkout())
    assert seconds > 0.5
    assert 50 < megabytes < 500
    assert exit_code == 3
