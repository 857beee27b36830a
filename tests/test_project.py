"""The project's own files agree with each other: pins, environments, addresses, imports."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from embgan_edu.data.corpora import CORPORA, load_corpus
from embgan_edu.data.download import PACKAGES

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PIN_LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
PINS = dict(line.split("==") for line in PIN_LINES)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def files() -> list[Path]:
    """All text files of the project, tracked or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.splitlines() if (ROOT / name).is_file()]


def test_pins_are_plain_versions_in_order() -> None:
    for line in PIN_LINES:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line
    assert sorted(PINS, key=str.lower) == list(PINS)
    assert PINS["torch"] == "2.13.0"
    assert not {"pip", "setuptools", "embgan-edu"} & set(PINS)


def test_pins_fit_the_ranges() -> None:
    extras = dict(PROJECT["optional-dependencies"])
    assert all("==" in peer for peer in extras.pop("peers"))  # pinned where they are named
    listed = PROJECT["dependencies"] + [item for extra in extras.values() for item in extra]
    pins = {canonicalize_name(name): version for name, version in PINS.items()}
    for requirement in map(Requirement, listed):
        version = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need a few more packages")
def test_all_that_gets_installed_is_pinned_and_nothing_else() -> None:
    needed: set[str] = set()
    waiting = [("embgan-edu", {"book", "grading", "test"})]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": e}) for e in extras | {""}):
                continue
            key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            if key not in seen:
                seen.add(key)
                needed.add(key[0])
                waiting.append((key[0], set(requirement.extras)))
    tools = {"pip", "setuptools", "wheel"}
    # On Linux, torch's usual build also brings CUDA, in versions that torch itself pins.
    cuda = {name for name in needed if re.match(r"nvidia-|cuda-|triton", name)}
    assert needed - tools - cuda == {canonicalize_name(name) for name in PINS}


def test_conda_gets_the_same_pins() -> None:
    environment = yaml.safe_load(read("environment.yml"))
    *packages, pip = environment["dependencies"]
    assert packages == ["python=3.11", "pip"]
    assert pip == {"pip": ["-c constraints.txt", "-e .[book,grading,test]"]}
    assert environment["channels"] == ["conda-forge"]


def test_pip_finds_nothing_to_install_for_conda_here(tmp_path: Path) -> None:
    lines = yaml.safe_load(read("environment.yml"))["dependencies"][-1]["pip"]
    # As conda does: the list becomes a file of requirements. Not editable, so that pip needs
    # nothing but the metadata.
    requirements = tmp_path / "requirements.txt"
    text = "\n".join(line.removeprefix("-e ") for line in lines)
    requirements.write_text(text.replace("-c ", f"-c {ROOT}/"), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-index"]
    command += ["--no-build-isolation", "--report", "-", "-r", str(requirements)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    installs = [item["metadata"]["name"] for item in json.loads(run.stdout)["install"]]
    assert installs == ["embgan-edu"]


def test_every_supported_python_is_tested() -> None:
    tested = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]["test"]["strategy"]["matrix"]
    supported = SpecifierSet(PROJECT["requires-python"])
    assert tested["python"] == [f"3.{n}" for n in range(5, 30) if f"3.{n}.0" in supported]


def test_ci_runs_exactly_make_test() -> None:
    commands = [line for line in read(".ci/run").splitlines() if line and line[0] != "#"]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]
    steps = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]


def test_the_address_of_the_repository_is_the_same_everywhere() -> None:
    url = yaml.safe_load(read("_config.yml"))["repository"]["url"]
    slug = url.removeprefix("https://github.com/")
    places = r"(?:github\.com|mybinder\.org/v2/gh|colab\.research\.google\.com/github)"
    pattern = re.compile(places + r"/([\w.-]+/embgan[\w-]*)")
    mentions = {
        (str(path.relative_to(ROOT)), found)
        for path in files()
        for found in pattern.findall(path.read_text(encoding="utf-8", errors="ignore"))
    }
    assert ("_config.yml", slug) in mentions and len(mentions) > 1
    assert {found for _, found in mentions} == {slug}


def test_the_version_is_the_same_everywhere() -> None:
    assert yaml.safe_load(read("CITATION.cff"))["version"] == PROJECT["version"]
    assert metadata.version("embgan-edu") == PROJECT["version"]


def test_no_text_of_a_corpus_and_no_archive_is_in_the_repository() -> None:
    endings = {".gz", ".whl", ".npz", ".npy", ".parquet", ".csv", ".zip"}
    found = {str(path.relative_to(ROOT)) for path in files() if path.suffix in endings}
    # The stored tables of chapters 10 to 14 hold numbers and the names of methods.
    tables = {"beyond", "factorial", "ladder", "lockbox", "mixes", "own_mix"}
    assert found <= {f"embgan_edu/results/{name}.csv" for name in tables}


def test_imports_between_rooms_go_one_way() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_a_model_knows_nothing_of_tweets_corpora_or_tables() -> None:
    for path in (ROOT / "embgan_edu" / "models").glob("*.py"):
        names = {
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Name | ast.Attribute)
        }
        found = [name for name in names if re.search("(?i)tweet|corpus|splits|ladder|table", name)]
        assert not found, f"{path.name} speaks of {found}"


def test_tests_lie_where_what_they_test_lies() -> None:
    rooms = {path.parent.name for path in (ROOT / "embgan_edu").glob("*/__init__.py")}
    for room in rooms - {"checks", "grading"}:  # there the tests follow the steps of a course
        modules = {path.stem for path in (ROOT / "embgan_edu" / room).glob("*.py")}
        tests = {path.stem for path in (ROOT / "tests" / room).glob("test_*.py")}
        assert tests <= {f"test_{module}" for module in modules}, room


def test_the_glossary_explains_enough_and_in_order() -> None:
    terms = re.findall(r"(?m)^(\S.*)\n  \S", read("book/glossary.md").split("```{glossary}")[1])
    assert len(terms) >= 35
    assert terms == sorted(terms, key=str.lower)


def test_every_reference_has_who_what_where_and_when() -> None:
    entries = re.split(r"(?m)^@", read("book/references.bib"))[1:]
    keys = [re.match(r"\w+\{([a-z]+\d{4}),", entry)[1] for entry in entries]
    assert len(set(keys)) == len(keys) >= 33
    for entry in entries:
        kind = entry.split("{")[0]
        places = {"inproceedings": "booktitle", "article": "journal", "book": "publisher"}
        where = places.get(kind, "note")
        for field in ("author", "title", "year", where):
            assert re.search(rf"(?m)^  {field} = ", entry), f"no {field} in {entry[:40]}"


def test_the_data_card_names_the_pinned_archives() -> None:
    card = read("book/data-card.md")
    for package in PACKAGES:
        assert f"| `{package.filename}` |" in card and f"`{package.sha256}`" in card


@pytest.mark.data
def test_the_data_card_counts_right(real_data: None) -> None:
    card = read("book/data-card.md")
    for name in CORPORA:
        counts = load_corpus(name).counts()
        numbers = [sum(counts.values()), counts["negative"], counts["positive"]]
        expected = " | ".join(f"{number:,}" for number in numbers)
        assert re.search(rf"\| `{name}` \| [^|]+ \| {expected} \|", card), expected


@pytest.mark.data
def test_no_sentence_of_a_corpus_stands_in_a_file(real_data: None) -> None:
    sentences = [s for name in CORPORA for s in load_corpus(name).texts if len(s) > 40]
    for path in files():
        if path.suffix in {".py", ".md", ".ipynb", ".json", ".yml", ".toml", ".txt"}:
            text = path.read_text(encoding="utf-8")
            found = [sentence for sentence in sentences if sentence in text]
            assert not found, f"{path.name} holds {found[0]!r}"


@pytest.mark.data
def test_the_example_of_the_readme_runs(
    real_data: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"(?s)```python\n(.*?)```", read("README.md"))
    # The same lines, for fewer draws and steps.
    code = code.replace("draws=16", "draws=2").replace("GANConfig()", "GANConfig(steps=20)")
    exec(code, {})
    assert "plain GAN" in capsys.readouterr().out
