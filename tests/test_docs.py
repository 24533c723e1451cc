"""Every setting, path, command, error and key of the code is in the documentation, and its examples run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import scorer
from bench import markdown, report
from export.__main__ import main as export_main
from scorer.__main__ import main as scorer_main
from scorer.coefficients import FORMATS
from scorer.service.app import PREDICT, create_app
from scorer.service.holder import Holder
from scorer.service.openapi import openapi
from scorer.service.problems import TABLE, URN
from scorer.service.settings import PREFIX, Settings
from tests.support.models import SHIPPED, SMALL_BY_FORMAT
from tests.support.paths import ROOT
from tests.support.processes import environment
from tests.support.servers import WAIT_SECONDS, Server, free_port
from tests.support.skips import needs

pytestmark = pytest.mark.long

README = (ROOT / "README.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()
FORMAT = (ROOT / "docs" / "coefficient-file.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PAGES = (ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))


def test_the_readme_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    subprocess.run([sys.executable, "-c", example], check=True, cwd=ROOT)


def test_the_readme_curl_call_gets_the_answer_shown(model: scorer.Scorer) -> None:
    (body,) = re.findall(r"--data '(.*)'", README)
    (answer,) = re.findall(r"^    \[(\{.*), …\}\]$", README, re.MULTILINE)
    shown: dict[str, Any] = json.loads(answer + "}")
    (scored,) = model.score(json.loads(body)).to_rows()
    assert list(scored)[: len(shown)] == list(shown)
    assert {key: scored[key] for key in shown} == shown


@pytest.mark.parametrize(("main", "name"), [(scorer_main, "scorer"), (export_main, "export")])
def test_every_command_is_in_the_readme(
    main: Callable[[list[str]], int], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    ([a-z]+)  ", capsys.readouterr().out, re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        assert f"python -m {name} {command}" in README


@needs("curl")
@needs("openssl")
def test_the_commands_that_ship_a_version_run(tmp_path: Path) -> None:
    """As they stand there, but for the port, and with a quarter of the rows."""
    shutil.copytree(ROOT / "coefficients", tmp_path / "coefficients")
    port = str(free_port())
    blocks = re.findall(r"```sh\n(.*?)```", OPERATIONS, re.DOTALL)
    script = "".join(["set -eo pipefail\ntrap 'kill $!' EXIT\n", *blocks])
    script = script.replace("1313", port).replace("--rows 40000", "--rows 10000")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = environment({"PATH": path, "PYTHONPATH": str(ROOT), "SCORER_PORT": port}, measured=False)
    command = ["timeout", str(5 * WAIT_SECONDS), "bash", "-c", script]  # which ends what the script started, too
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs("curl")
def test_each_format_by_curl_gets_one_phat(server: Server, tmp_path: Path, model: scorer.Scorer) -> None:
    """The commands of the API page as they stand there, but for the port."""
    (block,) = re.findall(r"```sh\n(.*?)```", API, re.DOTALL)
    commands = block.replace("1313", str(server.port)).replace("curl ", "curl --silent --show-error ").split("\n\n")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = environment({"PATH": path, "PYTHONPATH": str(ROOT)}, measured=False)
    scores = model.score({"x5": "monday", "x12": "$1,205.10"})
    pair = (scores.outcome[0], scores.phat[0])
    row = '{{"business_outcome":{},"phat":{}}}'.format(*pair)
    expected = [
        f"[{row}]",
        '{{"business_outcome":[{}],"phat":[{}]}}'.format(*pair),
        f"{row}\n",
        "business_outcome,phat\n{},{}\n".format(*pair),
        f"[{row}]",
    ]
    answers = []
    for command in commands:
        script = ["bash", "-ec", command]
        run = subprocess.run(script, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        answers.append(run.stdout)
    assert answers == expected


def test_every_make_target_that_the_docs_name_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    pages = "".join(page.read_text() for page in PAGES)
    for target in re.findall(r"`make ([a-z-]+)`|^    make ([a-z-]+)$", pages, re.MULTILINE):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE)


def test_every_setting_and_its_default_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(SCORER_[A-Z_]+)` \| (.*?) \|", API, re.MULTILINE))
    assert set(rows) == {PREFIX + name.upper() for name in Settings.__struct_fields__}
    for name, default in zip(Settings.__struct_fields__, Settings.__struct_defaults__, strict=True):
        shown = "none" if default == "" else json.dumps(default).strip('"')
        assert ("the shipped model" if name == "model" else shown) in rows[PREFIX + name.upper()]


def test_every_path_is_documented(model: scorer.Scorer) -> None:
    for path in create_app(Holder(model)).paths:
        assert f"`{'POST' if path == PREDICT else 'GET'} {path}`" in API


def test_every_error_is_documented(model: scorer.Scorer) -> None:
    for status, name, _ in TABLE.values():
        assert f"| {status.value} | `{URN}{name}` |" in API
        assert HTTPStatus(status)
    problem = openapi(model)["components"]["schemas"]["Problem"]
    for code in problem["properties"]["errors"]["items"]["properties"]["code"]["enum"]:
        assert f"| `{code}` |" in API


def keys_of(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(keys_of, node))
    return set(node).union(*map(keys_of, node.values())) if isinstance(node, dict) else set()


def test_every_format_and_key_of_the_file_is_documented() -> None:
    for document in (json.loads(SHIPPED.read_bytes()), *SMALL_BY_FORMAT.values()):
        golden = document["certificate"]["rows"][0]
        named = {key: {} if key in ("cells", "variables") else value for key, value in golden.items()}
        for key in keys_of({**document, "certificate": {**document["certificate"], "rows": [named]}}):
            assert f"`{key}`" in FORMAT, key
    for number in FORMATS:
        assert re.search(rf"^\| {number} \| \d+\.\d+\.\d+ \| ", FORMAT, re.MULTILINE)


def test_the_benchmark_page_shows_the_committed_results() -> None:
    results = json.loads((ROOT / "bench" / "results.json").read_text())
    assert report.tables(results) in markdown.PAGE.read_text()


def test_every_package_is_named_with_its_purpose() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {re.split(r"[^\w.-]", requirement)[0] for requirement in asked} - {project["name"]}
    section = ARCHITECTURE.partition("### Packages")[2].partition("\n### ")[0]
    assert [name for name in sorted(names) if not re.search(rf"(?<![\w-]){name}(?![\w-])", section)] == []


def test_every_test_of_the_table_of_faults_exists() -> None:
    rows = re.findall(r"^\| .* \| `(test_\w+|tests/\S+)` \|$", OPERATIONS, re.MULTILINE)
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(rows) > 10
    for name in rows:
        assert f"def {name}(" in sources or (ROOT / name).is_file(), name


PARENTS = [ROOT, *(ROOT / name for name in ("scorer", "scorer/service", "deploy/kubernetes", "tests"))]
MADE = (ROOT / ".gitignore").read_text().split()


def is_gone(path: str) -> bool:
    """Whether a page means something of the repository by a path, and it is not there."""
    first = path.partition("/")[0]
    meant = path not in MADE and "NAME" not in path and any((parent / first).exists() for parent in PARENTS)
    return meant and not any((parent / path).exists() for parent in PARENTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_that_are_named_exist(page: Path) -> None:
    assert [path for path in re.findall(r"`([\w.-]+/[\w./-]*)`", page.read_text()) if is_gone(path)] == []


def test_a_path_that_is_gone_is_noticed() -> None:
    assert [path for path in ("scorer/gone.py", "codec/gone.py", "codec/rows.py", "path/to/file") if is_gone(path)] == [
        "scorer/gone.py",
        "codec/gone.py",
    ]


def anchor(heading: str) -> str:
    """The fragment by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_anchors_are_those_of_github() -> None:
    assert anchor("POST /predict") == "post-predict"
    assert anchor("What has not run") == "what-has-not-run"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, fragment in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
        found = page.parent / target if target else page
        assert found.exists(), f"{page.name} links to {target}"
        if fragment:
            headings = re.findall(r"^#+ (.*)", found.read_text(), re.MULTILINE)
            assert fragment in map(anchor, headings), f"{page.name} links to {target}#{fragment}"


def test_what_has_not_run_is_told_in_one_place() -> None:
    """No other text names a platform that nobody has tried, neither as one that works nor as one that was not tried."""
    before, listed = OPERATIONS.split("\n## What has not run\n")
    names = ("base image", "Published ports", "Compose", "Kubernetes, kind", "GitHub", "Python 3.12", "macOS", "ARM")
    for name in names:
        assert re.search(rf"^- \*\*.*{name}", listed, re.MULTILINE), name
    texts = [page.read_text() for page in PAGES if page.name not in ("operations.md", "changelog.md")]
    texts += [path.read_text() for path in (ROOT / "deploy").rglob("*") if path.suffix in (".yaml", ".conf", ".sh")]
    for text in (before, *texts, (ROOT / "Dockerfile").read_text(), (ROOT / "run_api.sh").read_text()):
        assert re.findall(r".*(?:macOS|Windows|\bARM\b|aarch64|[Nn]o cluster).*", text) == []


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_the_readme_links_every_page(page: Path) -> None:
    assert f"]({page.relative_to(ROOT)})" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_have_at_most_120_characters_outside_of_tables(page: Path) -> None:
    long = [line for line in page.read_text().splitlines() if len(line) > 120 and not line.lstrip().startswith("|")]
    assert long == []
