"""What the code never does: nothing that a file holds is run, and nothing is fetched unasked."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlcli

PACKAGE = Path(mlcli.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
# Modules whose readers run what they read, or that make objects of any class.
NEVER_IMPORTED = {
    "pickle",
    "cPickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "code",
    "imp",
    "telnetlib",
    "ftplib",
    "xmlrpc",
}
NEVER_CALLED = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "torch.load",
    "torch.jit.load",
    "joblib.load",
    "joblib.dump",
    "os.system",
    "os.popen",
    "tempfile.mktemp",
    "yaml.load",
    "tar.extractall",
    "pd.read_pickle",
    "pd.eval",
    "np.fromfile",
}
# Methods that write an archive's members wherever their names say.
NEVER_METHODS = {"extractall", "extract", "read_pickle", "unsafe_load", "query"}
NETWORK = ("requests", "urllib.request", "http", "socket", "ssl", "aiohttp")
FETCHING = {PACKAGE / "datasets" / "fetch.py"}
# Answers this machine alone, which tests/report/test_serve.py looks into.
SERVING = {PACKAGE / "report" / "serve.py"}


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(source: str) -> Iterator[str]:
    """Every forbidden import and call of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            yield from (one for one in modules if one.split(".")[0] in NEVER_IMPORTED)
            yield from (one for one in names if one in ("eval", "exec"))
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        if name in NEVER_CALLED or name.rpartition(".")[2] in NEVER_METHODS:
            yield name
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if given.get("allow_pickle", "False") != "False" or given.get("shell", "False") != "False":
            yield f"{name}({given})"
        if name in ("np.load", "numpy.load") and "allow_pickle" not in given:
            yield f"{name} without allow_pickle=False"
        if name == "YAML" and given.get("typ") not in (None, "'rt'", "'safe'"):
            yield f"{name}({given})"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_that_a_file_holds_is_run(path: Path) -> None:
    found = list(faults(path.read_text(encoding="utf-8")))
    # Work goes to the workers of a cluster as Dask sends everything, which no file does.
    assert [one for one in found if (path.name, one) != ("remote_work.py", "cloudpickle")] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "np.load(p)",
        "np.load(p, allow_pickle=True)",
        "torch.load(p)",
        "run(x, shell=True)",
        "f.extractall(p)",
        "YAML(typ='unsafe')",
        "joblib.load(p)",
    ],
)
def test_the_look_at_the_source_finds_what_it_looks_for(source: str) -> None:
    assert list(faults(source))


def test_one_module_fetches_and_one_serves() -> None:
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(f"{name}.".startswith(f"{one}.") for name in names for one in NETWORK):
                found.add(path)
    assert found == FETCHING | SERVING
