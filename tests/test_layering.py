"""The house stands as drawn: imports point down, no circle, every module has its test."""

import ast
import functools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("hmr_tf", "tfrecords_tools")
COMMANDS = {
    "synthesize",
    "convert",
    "train",
    "evaluate",
    "predict",
    "export",
    "import_weights",
    "benchmark",
    "demo",
}
# Rooms by floor, from the ground; a module may import from its own floor and those below it.
FLOORS = (
    {"tfrecords_tools"},
    {"errors", "registry", "config", "outputs", "command"},
    {"geometry"},
    {"body", "data", "render"},
    {"models", "losses", "metrics"},
    {
        *("synthetic", "image_files", "detector", "video", "weights"),
        *("checkpoints", "saved_weights", "predictor", "given_people"),
    },
    {"training", "evaluation", "exporters"},
    {"common_flags", "setting_values", "experiments"},
    COMMANDS,
)
FLAG_READERS = COMMANDS | {"common_flags", "command"}
# The ground floor's own commands, and what they share.
TOOLS = {f"tfrecords_tools.{name}" for name in ("count", "draw", "inspect", "merge", "validate")}
TOOL_FLAG_READERS = TOOLS | {"tfrecords_tools.record_flags"}


@functools.cache
def _modules():
    """Returns dotted module name -> path."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def _imports(module):
    """Returns the project modules that a module imports anywhere in its file."""
    known = _modules()
    names = set()
    for node in ast.walk(ast.parse(known[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} uses a relative import"
            for alias in node.names:
                child = f"{node.module}.{alias.name}"
                names.add(child if child in known else node.module)
    return {name for name in names if name in known and name != module}


def _room(module):
    parts = module.split(".")
    return parts[0] if parts[0] == "tfrecords_tools" or len(parts) == 1 else parts[1]


def _floor(module):
    room = _room(module)
    if room == "hmr_tf":
        return 0  # The package itself: a version and nothing else.
    for floor, rooms in enumerate(FLOORS):
        if room in rooms:
            return floor
    raise AssertionError(f"{module} stands on no floor; add its room to FLOORS")


def test_imports_point_down():
    upward = [
        f"{module} -> {target}"
        for module in _modules()
        for target in _imports(module)
        if _floor(target) > _floor(module)
    ]
    assert not upward


def test_nothing_imports_a_command():
    assert not [
        f"{module} -> {target}"
        for module in _modules()
        for target in _imports(module)
        if _room(target) in COMMANDS or target in TOOLS
    ]


def test_there_is_no_circle():
    state = {}

    def visit(module, trail):
        if state.get(module) == "done":
            return
        assert state.get(module) != "open", " -> ".join([*trail, module])
        state[module] = "open"
        for target in sorted(_imports(module)):
            visit(target, [*trail, module])
        state[module] = "done"

    for module in _modules():
        visit(module, [])


@pytest.mark.parametrize("folder", ["tfrecords_tools/converters", "hmr_tf/synthetic/layouts"])
def test_siblings_do_not_import_each_other(folder):
    prefix = folder.replace("/", ".") + "."
    assert not [
        f"{module} -> {target}"
        for module in _modules()
        for target in _imports(module)
        if module.startswith(prefix) and target.startswith(prefix)
    ]


def test_only_commands_read_flags():
    readers = [
        module
        for module, path in _modules().items()
        if "absl import" in path.read_text(encoding="utf-8")
        and any(
            isinstance(node, ast.ImportFrom)
            and node.module == "absl"
            and any(alias.name == "flags" for alias in node.names)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    readers = set(readers) - TOOL_FLAG_READERS
    assert not [module for module in readers if _room(module) not in FLAG_READERS]


def test_commands_import_tensorflow_only_inside_functions():
    heavy = {"tensorflow", "tensorflow_addons"}
    for module in _modules():
        if _room(module) not in COMMANDS | {"common_flags", "command"}:
            continue
        for node in ast.parse(_modules()[module].read_text(encoding="utf-8")).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            assert not heavy & {name.split(".")[0] for name in names}, module


def test_every_module_has_its_test_file():
    missing = []
    for module, path in _modules().items():
        if path.name in ("__init__.py", "__main__.py"):
            continue
        parts = module.split(".")
        inside = parts[1:-1] if parts[0] == "hmr_tf" else parts[:-1]
        test = ROOT.joinpath("tests", *inside, f"test_{parts[-1]}.py")
        if not test.exists():
            missing.append(f"{module}: {test.relative_to(ROOT)}")
    assert not missing


def test_names_say_what_a_module_does():
    empty = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert not [module for module in _modules() if module.split(".")[-1] in empty]
