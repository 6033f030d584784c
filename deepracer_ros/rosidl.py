"""Message packages generated and compiled with what the ROS wheels carry: no ament, no CMake.

The standard way, colcon, is for systems with ROS. Here the generators are called directly; their
own command line does not start from the wheels, where each is registered twice.
"""

import importlib
import json
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy

from deepracer_sim.errors import UserError

# In the order in which they run: the generator's package, its function, and the type supports
# that it is told of.
_GENERATORS: tuple[tuple[str, str, list[list[str]]], ...] = (
    ("rosidl_generator_type_description", "generate_type_hash", []),
    ("rosidl_generator_c", "generate_c", []),
    ("rosidl_typesupport_fastrtps_c", "generate_typesupport_fastrtps_c", []),
    ("rosidl_typesupport_introspection_c", "generate_c", []),
    (
        "rosidl_typesupport_c",
        "generate_c",
        [["rosidl_typesupport_fastrtps_c", "rosidl_typesupport_introspection_c"]],
    ),
    ("rosidl_generator_py", "generate_py", [["rosidl_typesupport_c"]]),
)
_COMPILED = [module for module, _, _ in _GENERATORS[1:]]
# What the generated code calls; the linker keeps what a library needs of it.
_RUNTIME = [
    *("rosidl_typesupport_c", "rosidl_typesupport_fastrtps_c", "rosidl_typesupport_fastrtps_cpp"),
    *("rosidl_typesupport_introspection_c", "rosidl_runtime_c", "rmw", "rcutils", "fastcdr"),
]


class _Package(NamedTuple):
    source: Path  # holds package.xml and msg/*.msg
    work: Path  # one folder below it for each generator
    stage: Path  # what is to be installed, laid out as in the prefix

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def messages(self) -> list[Path]:
        return sorted(path.relative_to(self.source) for path in self.source.glob("msg/*.msg"))

    @property
    def dependencies(self) -> list[str]:
        package = ElementTree.parse(self.source / "package.xml")
        return [str(element.text) for element in package.iter("depend")]

    def generated(self, module: str) -> Path:
        return self.work / module / self.name

    @property
    def site_packages(self) -> Path:
        folder = Path(sysconfig.get_path("platlib")).relative_to(sys.prefix)
        return self.stage / folder / self.name


def make(sources: list[Path], folder: Path) -> Path:
    """Make message packages, each from a folder with package.xml and msg/*.msg.

    Works below `folder`. Returns the folder there that holds what belongs below sys.prefix.
    Raises UserError where the generators are missing or a compiler fails.
    """
    stage = folder / "stage"
    packages = [_Package(source, folder / source.name, stage) for source in sources]
    try:
        for package in packages:  # one by one: the generators share a global
            _generate(package)
    except ImportError as error:
        raise UserError(
            f"The message generators of ROS 2 were not found ({error}). "
            "Install them: pip install 'deepracer_ros[ros]'"
        ) from error
    with ThreadPoolExecutor() as executor:
        list(executor.map(_build, packages))
    return stage


def _generate(package: _Package) -> None:
    from rosidl_adapter import convert_to_idl

    with redirect_stdout(StringIO()):  # they tell of every file
        for message in package.messages:
            convert_to_idl(package.source, package.name, message, package.work / "idl")
        for module, function, type_supports in _GENERATORS:
            _write_visibility_header(package, module)
            arguments = package.work / f"{module}.json"
            arguments.write_text(json.dumps(_arguments(package, module)))
            getattr(importlib.import_module(module), function)(str(arguments), *type_supports)


def _arguments(package: _Package, module: str) -> dict[str, object]:
    share = Path(sys.prefix, "share")
    descriptions = package.generated("rosidl_generator_type_description")
    idls = [message.with_suffix(".idl") for message in package.messages]
    return {
        "package_name": package.name,
        "output_dir": str(package.generated(module)),
        "template_dir": str(share / module / "resource"),
        "idl_tuples": [f"{package.work / 'idl'}:{idl}" for idl in idls],
        "include_paths": [f"{name}:{share / name}" for name in package.dependencies],
        "type_description_tuples": [
            f"{idl}:{descriptions / idl.with_suffix('.json')}" for idl in idls
        ],
        "ros_interface_files": [str(package.source / message) for message in package.messages],
        "target_dependencies": [],
    }


def _write_visibility_header(package: _Package, module: str) -> None:
    name = f"{module}__visibility_control.h"
    template = Path(sys.prefix, "share", module, "resource", f"{name}.in")
    header = package.generated(module) / "msg" / name
    header.parent.mkdir(parents=True)
    if template.is_file():
        text = template.read_text().replace("@PROJECT_NAME@", package.name)
        header.write_text(text.replace("@PROJECT_NAME_UPPER@", package.name.upper()))


def _build(package: _Package) -> None:
    for module in _COMPILED:
        _compile(package, module)
    _compile_python_module(package)
    _stage_files(package)


def _compile(package: _Package, module: str) -> None:
    files = package.generated(module).rglob("*.c*")
    sources = [path for path in files if not path.name.startswith("_" + package.name)]
    own = [f"{package.name}__{earlier}" for earlier in _COMPILED[: _COMPILED.index(module)]]
    _link(package, package.stage / f"lib/lib{package.name}__{module}.so", sources, own)


def _compile_python_module(package: _Package) -> None:
    folder = package.generated("rosidl_generator_py")
    support = "rosidl_typesupport_c"
    module = package.site_packages / f"{package.name}_s__{support}.so"
    own = [f"{package.name}__{library}" for library in _COMPILED]
    _link(package, module, [folder / f"_{package.name}_s.ep.{support}.c"], own)


def _link(package: _Package, target: Path, sources: list[Path], own: list[str]) -> None:
    """Compile sources into one shared library, linked with the package's own named ones."""
    target.parent.mkdir(parents=True, exist_ok=True)
    compiler = "g++" if any(path.suffix == ".cpp" for path in sources) else "gcc"
    lib = Path(sys.prefix, "lib")
    theirs = [
        f"{name}__{module}"
        for name in package.dependencies
        for module in _COMPILED
        if (lib / f"lib{name}__{module}.so").exists()
    ]
    command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(target), *map(str, sources)]
    command += [f"-I{folder}" for folder in _include_folders(package)]
    command += [f"-L{package.stage / 'lib'}", f"-L{lib}", f"-Wl,-rpath,{lib}", "-Wl,--as-needed"]
    command += ["-Wl,--allow-shlib-undefined"]
    command += [f"-l{name}" for name in (*own, *theirs, *_RUNTIME)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(_complaint(compiler, package.name, done.stderr))


def _include_folders(package: _Package) -> list[Path]:
    include = Path(sys.prefix, "include")
    theirs = [folder for folder in include.iterdir() if (folder / folder.name).is_dir()]
    own = [package.work / module for module in _COMPILED]
    system = [Path(sysconfig.get_path("include")), Path(numpy.get_include())]
    return [*own, *theirs, include, *system]


def _complaint(compiler: str, name: str, output: str) -> str:
    lines = output.splitlines() or ["no message"]
    first = next((line for line in lines if "error" in line), lines[-1])
    return f"{compiler} could not compile {name}: {first}"


def _stage_files(package: _Package) -> None:
    python = package.generated("rosidl_generator_py")
    for path in python.rglob("*.py"):
        _copy(path, package.site_packages / path.relative_to(python))
    (package.site_packages / "__init__.py").touch()
    share = package.stage / "share"
    descriptions = package.generated("rosidl_generator_type_description")
    for message in package.messages:
        idl, description = message.with_suffix(".idl"), message.with_suffix(".json")
        _copy(package.source / message, share / package.name / message)
        _copy(package.work / "idl" / idl, share / package.name / idl)
        _copy(descriptions / description, share / package.name / description)
    _copy(package.source / "package.xml", share / package.name / "package.xml")
    marker = share / "ament_index/resource_index/packages" / package.name
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
