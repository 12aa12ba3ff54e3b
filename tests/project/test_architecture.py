"""The architecture: layers, names that correspond, and a light `--help`."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import mlcli
from mlcli import cli
from mlcli.cli import COMMANDS
from mlcli.commands.schema import params_schema
from mlcli.config import SECTIONS, config_class
from mlcli.experiments import EXPERIMENTS, about, load

PACKAGE = Path(mlcli.__file__).parent
PROJECT = PACKAGE.parent
HEAVY = ("torch", "sklearn", "pandas", "matplotlib", "numpy", "scipy", "pyarrow", "pydantic")

# From the lowest: a module imports from its own layer and from those below.
LAYERS: tuple[set[str], ...] = (
    {"certificate", "config", "errors", "json_file", "lists", "partials", "plotting", "result"}
    | {"rng", "scale"},
    # Mathematics on plain arrays.
    {"backpropagation", "classification", "convolution", "linear", "neural", "optimisation"}
    | {"scores", "selection"},
    # Data in, models out.
    {"datasets", "models", "preparation"},
    {"estimators", "experiments"},
    # From parameters to a run folder.
    {"console", "params", "run"},
    # What is done with run folders.
    {"export", "notes", "projects", "report", "review", "sweeps", "tracking"},
    {"__main__", "cli", "commands"},
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
PRINTS = PACKAGE / "console.py"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def package(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path, running: bool = False) -> Iterator[str]:
    """Every module a file imports, also inside functions.

    Args:
        path: of the file.
        running: without those for type checkers alone.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = [
        inside
        for node in tree.body
        if running and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inside in ast.walk(node)
    ]
    for node in ast.walk(tree):
        if node in typing:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_lower_layer_never_imports_a_higher_one(path: Path) -> None:
    if package(path) == "__init__":
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "mlcli" and len(parts) > 1 and parts[1] != "__version__":
            assert LAYER[parts[1]] <= LAYER[package(path)], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_an_experiment_is_imported_by_its_command_and_its_estimator_alone(path: Path) -> None:
    """What several experiments share is beside their packages, and all else asks `load`."""
    if package(path) in ("commands", "estimators"):
        return
    home = path.relative_to(PACKAGE).parts[:2]
    for name in imports(path):
        parts = tuple(name.split("."))
        experiment = parts[:2] == ("mlcli", "experiments") and set(parts[2:3]) & set(EXPERIMENTS)
        assert not experiment or parts[1:3] == home, f"{path.name} imports {name}"


def draws(path: Path) -> bool:
    """Whether a module may use matplotlib."""
    return path.stem == "plotting" or "figures" in path.parts or "figure" in path.stem


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_matplotlib_torch_and_print_stay_where_they_belong(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports(path, running=True)}
    assert "matplotlib" not in tops or draws(path)
    # The doctor asks torch what devices there are; all else with torch is `neural`'s.
    assert "torch" not in tops or package(path) == "neural" or path.name == "doctor.py"
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not calls or path == PRINTS


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_functions_are_short_and_public_things_explained(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert (path.name == "__init__.py" and not source) or ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= 80, f"{node.name} has {length} lines"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_every_package_has_a_layer() -> None:
    assert {package(path) for path in modules()} - {"__init__"} == set(LAYER)


def test_top_level_holds_what_was_agreed() -> None:
    names = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not names:
        pytest.skip("not a git checkout")
    visible = {name.split("/")[0] for name in names if not name.startswith(".")}
    assert visible <= {
        "pyproject.toml",
        "dvc.yaml",
        "dvc.lock",
        "params.yaml",
        "mlcli",
        "data",
        "reports",
        "tests",
        "README.md",
        "Makefile",
        "constraints.txt",
        "LICENSE",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_found_and_explained(name: str) -> None:
    command = cli.load(name)
    assert command.help or name == "data"
    leaves = getattr(command, "commands", {name: command})
    for leaf in leaves.values():
        assert "Example: mlcli " in leaf.help
        # The list of commands and the command say the same thing.
        assert name == "data" or leaf.help.splitlines()[0] == COMMANDS[name][1]


def test_experiments_have_one_name_everywhere() -> None:
    experiments = [n for n, (panel, _) in COMMANDS.items() if panel == "Experiments"]
    stages = (
        import_module("mlcli.params.yaml_file").read_yaml(PROJECT / "dvc.yaml").values["stages"]
    )
    params = import_module("mlcli.params.yaml_file").read_yaml(PROJECT / "params.yaml").values
    for name in experiments:
        section = name.replace("-", "_")
        assert section in SECTIONS
        assert section in params
        assert f"mlcli {name} " in stages[section]["cmd"]
        assert f"--out reports/{section}" in stages[section]["cmd"]
        assert config_class(section).__name__.lower() == section.replace("_", "") + "config"
        assert load(section).about is about(section)


def test_every_parameter_is_explained() -> None:
    for section in SECTIONS:
        for key, field in config_class(section).model_fields.items():
            assert field.description, f"{section}.{key}"
            assert field.description.endswith("."), f"{section}.{key}"


def test_the_shipped_schema_is_fresh() -> None:
    shipped = json.loads((PACKAGE / "params.schema.json").read_text(encoding="utf-8"))
    assert shipped == params_schema()


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mlcli.__main__ import call; call(['--help']);"
        f"bad = [m for m in {HEAVY} if m in sys.modules]; sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "fit-poly" in done.stdout


def test_no_function_hides_a_mutable_default() -> None:
    for section in SECTIONS:
        model = config_class(section)
        assert model.model_config["frozen"]
        assert model.model_config["extra"] == "forbid"
        assert inspect.getdoc(model)
