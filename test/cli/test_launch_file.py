import ast
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deepracer_cli.launch_file import (
    arguments,
    as_yaml,
    find,
    parse_arguments,
    processes,
    shipped,
)
from deepracer_cli.launch_packages import executable_of, share_of
from deepracer_cli.launch_text import Scope, expand, split
from deepracer_sim.errors import UserError

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.xml"))
STARTS = {
    "car": ["servo_node", "camera_node", "battery_node", "agent_node"],
    "gz": ["gz", "parameter_bridge", "gz_car_node", "agent_node"],
    "replay": ["agent_node", "replay_node"],
    "sim": ["world_node", "agent_node"],
    "teleop": ["world_node", "teleop_node"],
    "train": ["world_node", "trainer_node"],
    "world": ["world_node"],
}

OTHERS = {"parameter_bridge": {"config_file"}}  # parameters of executables that are not ours

# What a command line can carry: any text but for NUL.
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """The prefix of a ROS package `demo` with the executable `talker`."""
    prefix = tmp_path / "pre fix"
    for name in ("share/ament_index/resource_index/packages/demo", "lib/demo/talker"):
        path = prefix / name
        path.parent.mkdir(parents=True)
        path.touch(0o755)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{prefix}")
    return prefix


@pytest.fixture
def read(tmp_path, demo):
    """A function that reads a file with the given inside of <launch>."""

    def read(inside, **values):
        path = tmp_path / "some.launch.xml"
        path.write_text(f"<launch>\n{inside}\n</launch>", encoding="utf-8")
        return processes(path, values)

    return read


def ros_arguments(process):
    """What follows --ros-args, in pairs."""
    words = process.command[process.command.index("--ros-args") + 1 :]
    return list(zip(words[::2], words[1::2], strict=True))


# The files that come with the project


def test_every_shipped_file_is_known_here():
    assert shipped() == sorted(STARTS)
    assert [find(name) for name in sorted(STARTS)] == FILES


@pytest.fixture
def bridge(tmp_path, monkeypatch):
    """The bridge of ros_gz, as if it were installed."""
    package = tmp_path / "share/ament_index/resource_index/packages/ros_gz_bridge"
    bridge = tmp_path / "lib/ros_gz_bridge/parameter_bridge"
    for path in (package, bridge):
        path.parent.mkdir(parents=True)
        path.touch(0o755)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    return str(bridge)


@pytest.mark.parametrize("name", STARTS)
def test_shipped_file_starts_our_executables(name, bridge, monkeypatch):
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    path = find(name)
    described = processes(path, {a.name: "x" for a in arguments(path, {}) if a.default is None})
    assert [process.name for process in described] == STARTS[name]
    for process in described:
        if process.name not in ("gz", "parameter_bridge"):
            assert process.command[:2] == (sys.executable, str(ROOT / "libexec" / process.name))
        assert process.ends_launch is (process.name != "battery_node")  # a car drives without
        assert process.environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") == "LOCALHOST"


def test_the_network_is_as_wide_as_the_user_says(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    (world, _) = processes(find("sim"), {})
    assert world.environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SUBNET"


@pytest.mark.parametrize(
    ("gui", "command"),
    [("true", "gz sim -r"), ("false", "gz sim -r -s --headless-rendering")],
)
def test_current_gazebo_is_started_with_its_bridge(gui, command, bridge):
    gazebo, carrier, *_ = processes(find("gz"), {"world": "my world.sdf", "gui": gui})
    assert gazebo.command == (*command.split(), "my world.sdf")
    assert carrier.command[0] == bridge
    assert ("-p", f'config_file:="{ROOT}/config/gz_bridge.yaml"') in ros_arguments(carrier)


def node_elements():
    return [
        pytest.param(node, id=f"{path.name}-{node.get('exec')}")
        for path in FILES
        for node in ElementTree.parse(path).iter("node")
    ]


def texts_in(executable):
    """All texts in the source of an executable of ours; its parameters' names are among them."""
    call = ast.parse((ROOT / "libexec" / executable).read_text()).body[-1]
    (module,) = (node.value for node in ast.walk(call) if isinstance(node, ast.Constant))
    source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text()
    return {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("node", node_elements())
def test_shipped_file_sets_only_parameters_that_the_node_has(node):
    own = node.get("pkg") == "deepracer_ros"
    name = node.get("exec")
    known = {"use_sim_time"} | (texts_in(name) if own else OTHERS.get(name, set()))
    assert {param.get("name") for param in node.iter("param")} - known == set()


@pytest.mark.parametrize("node", node_elements())
def test_shipped_file_uses_only_packages_that_package_xml_names(node):
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    named = {element.text for element in package.iter("exec_depend")} | {package.findtext("name")}
    assert node.get("pkg") in named


@pytest.mark.parametrize("node", node_elements())
def test_the_process_that_holds_three_nodes_gets_no_name(node):
    assert node.get("exec") != "world_node" or node.get("name") is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_argument_is_used_and_described(path):
    text = path.read_text()
    for argument in arguments(path, {}):
        assert argument.description
        assert f"$(var {argument.name})" in text


# What the format means


def test_node_becomes_a_command_line(read, demo):
    (process,) = read(
        '<node pkg="demo" exec="talker" name="a" namespace="ns" args="-x \'two words\'">'
        '<param name="rate" value="2"/><param name="text" value="2" type="str"/>'
        '<remap from="chatter" to="/talk"/><env name="COLOUR" value="red"/></node>'
    )
    assert process.command[:3] == (str(demo / "lib/demo/talker"), "-x", "two words")
    assert ros_arguments(process) == [
        ("-r", "__node:=a"),
        ("-r", "__ns:=/ns"),
        ("-p", "rate:=2"),
        ("-p", 'text:="2"'),
        ("-r", "chatter:=/talk"),
    ]
    assert process.name == "talker"
    assert process.environment == {**os.environ, "COLOUR": "red"}
    assert not process.ends_launch


def test_executable_runs_any_command(read):
    (process,) = read(
        '<let name="what" value="a b"/>'
        '<executable cmd="/bin/echo $(var what) c -$(var what)-" on_exit="shutdown"/>'
    )
    assert process.command == ("/bin/echo", "a b", "c", "-a b-")
    assert (process.name, process.ends_launch) == ("echo", True)


def test_group_keeps_what_is_set_in_it(read):
    described = read(
        '<let name="x" value="outer"/>'
        '<group><let name="x" value="inner"/><set_env name="E" value="$(var x)"/>'
        '<push_ros_namespace namespace="one"/><push-ros-namespace namespace="two"/>'
        '<node pkg="demo" exec="talker"><param name="x" value="$(var x)"/></node></group>'
        '<node pkg="demo" exec="talker"><param name="x" value="$(var x)"/></node>'
    )
    assert [ros_arguments(process) for process in described] == [
        [("-r", "__ns:=/one/two"), ("-p", "x:=inner")],
        [("-p", "x:=outer")],
    ]
    assert [process.environment.get("E") for process in described] == ["inner", None]


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ("/top", "/top"),
        ("sub", "/base/sub"),
        ("_a/b_1/", "/base/_a/b_1"),
        ("a//", "/base/a"),
        ("", "/base"),
    ],
)
def test_absolute_namespace_stands_for_itself(read, namespace, expected):
    (process,) = read(
        '<push_ros_namespace namespace="base"/>'
        f'<node pkg="demo" exec="talker" namespace="{namespace}"/>'
    )
    assert ros_arguments(process) == [("-r", f"__ns:={expected}")]


@pytest.mark.parametrize("word", ["true", "True", " 1 "])
def test_conditions(read, word):
    def talkers(**values):
        return len(
            read(
                '<arg name="on"/><node pkg="demo" exec="talker" if="$(var on)"/>'
                '<node pkg="demo" exec="talker" unless="$(var on)"/>'
                '<group unless="$(var on)"><node pkg="demo" exec="talker"/></group>',
                **values,
            )
        )

    assert talkers(on=word) == 1
    assert talkers(on="false") == 2


def test_a_node_that_is_not_wanted_need_not_be_installed(read):
    assert read('<node pkg="absent" exec="x" if="false"/>') == []


def test_include_shares_variables_and_finds_what_lies_beside_it(read, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/inner.xml").write_text(
        '<launch><arg name="a" default="unused"/><arg name="b" default="own"/>'
        '<executable cmd="run $(var a) $(var b) $(var c) $(dirname)"/></launch>'
    )
    (process,) = read(
        '<let name="c" value="outer"/>'
        '<include file="$(dirname)/sub/inner.xml"><arg name="a" value="given"/></include>'
    )
    assert process.command == ("run", "given", "own", "outer", str(tmp_path / "sub"))


# Arguments of included files


@pytest.fixture
def inner(tmp_path):
    """A file to include, which runs with its arguments a and b and needs c."""
    (tmp_path / "inner.xml").write_text(
        '<launch><arg name="a" default="A" description="of inner"/><arg name="b" default="B"/>'
        '<arg name="c"/><executable cmd="run $(var a) $(var b) $(var c)"/></launch>'
    )
    return "$(dirname)/inner.xml"


def test_arguments_reach_included_files(read, inner):
    (process,) = read(f'<include file="{inner}"/>', a="x", c="z")
    assert process.command == ("run", "x", "B", "z")


def test_arguments_reach_files_that_included_files_include(read, inner, tmp_path):
    (tmp_path / "middle.xml").write_text(f'<launch><include file="{inner}"/></launch>')
    (process,) = read('<group><include file="$(dirname)/middle.xml"/></group>', c="z")
    assert process.command == ("run", "A", "B", "z")


def test_an_include_that_depends_on_an_argument_is_known(read, inner):
    inside = '<arg name="which" default="inner"/><include file="$(dirname)/$(var which).xml"/>'
    (process,) = read(inside, c="z")
    assert process.command == ("run", "A", "B", "z")


@pytest.mark.parametrize("kind", ["arg", "let"])
def test_what_the_include_sets_the_user_cannot(read, inner, kind):
    inside = f'<include file="{inner}"><{kind} name="a" value="fixed"/></include>'
    (process,) = read(inside, b="y", c="z")
    assert process.command == ("run", "fixed", "y", "z")
    with pytest.raises(UserError, match=r"no argument 'a'\. It has: b, c\."):
        read(inside, a="x", c="z")


def test_what_an_include_that_is_not_wanted_sets_the_user_can(read, inner):
    (process,) = read(
        f'<include file="{inner}" if="false"><arg name="a" value="fixed"/></include>'
        f'<include file="{inner}"/>',
        a="x",
        c="z",
    )
    assert process.command == ("run", "x", "B", "z")


def test_an_argument_that_no_file_has_is_refused(read, inner):
    with pytest.raises(UserError, match=r"no argument 'aa'\. Did you mean a\? It has: a, b, c\."):
        read(f'<include file="{inner}"/>', aa="x")


def test_a_lacking_argument_of_an_included_file_is_named_if_it_is_met(read, inner):
    inside = f'<arg name="on"/><include file="{inner}" if="$(var on)"/>'
    assert read(inside, on="false") == []
    with pytest.raises(
        UserError, match=r"some\.launch\.xml must be told: c:=VALUE \(no description\)\."
    ):
        read(inside, on="true")


def test_an_argument_that_is_lacking_after_all_is_named_with_its_line(read):
    with pytest.raises(UserError, match=r"line 3: .*'c' has no value; add c:=VALUE"):
        read('<arg name="c" if="false"/>\n<arg name="c"/>')


def test_an_include_that_fails_is_told_before_names_that_it_may_have(read):
    with pytest.raises(UserError, match=r"Cannot read .*absent\.xml"):
        read('<include file="/absent.xml"/>', a="x")


def test_arguments_of_included_files_are_listed_once(tmp_path, inner):
    path = tmp_path / "outer.xml"
    path.write_text(
        '<launch><arg name="b" default="outer"/><arg name="on"/>'
        f'<group if="$(var on)"><include file="{inner}"/></group>'
        f'<include file="{inner}"><arg name="c" value="1"/></include>'
        '<include file="$(var on)"/><include file="/absent.xml" if="false"/></launch>'
    )
    found = [(a.name, a.default, a.description) for a in arguments(path, {})]
    assert found == [
        ("b", "outer", ""),
        ("on", None, ""),
        ("a", "A", "of inner"),
        ("c", None, ""),
    ]


def test_substitutions(read, demo, monkeypatch):
    monkeypatch.setenv("THERE", "here")
    (process,) = read(
        '<let name="which" value="THERE"/><set_env name="SET" value="now"/>'
        "<executable cmd=\"run $(env $(var which)) $(env ABSENT 'a b') $(env SET) "
        '$(find-pkg-share demo)/x \\$(y)"/>'
    )
    assert process.command == ("run", "here", "a b", "now", f"{demo}/share/demo/x", "$(y)")


@given(texts)
def test_any_value_passes_unchanged(text):
    scope = Scope(Path("x"), {"it": text}, {"IT": text})
    assert expand("$(var it)", scope) == text
    assert expand("<$(env IT)$(env NO $(var it))>", scope) == f"<{text}{text}>"
    assert split("a $(var it) -$(var it)", scope) == ["a", text, f"-{text}"]
    assert yaml.safe_load(as_yaml(text, "str")) == text
    assert "\n" not in as_yaml(text, "str")
    assert parse_arguments([f"it:={text}x"]) == {"it": f"{text}x"}


@given(texts)
def test_a_text_can_be_written_in_a_file(text):
    escaped = text.replace("\\", "\\\\").replace("$", "\\$")
    assert expand(escaped, Scope(Path("x"), {}, {})) == text


@given(texts)
def test_a_malformed_text_is_refused_and_no_more(text):
    try:
        expand(f"$({text}", Scope(Path("x"), {}, {}))
    except (ValueError, UserError) as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", 2),
        ("2.5", 2.5),
        ("true", True),
        ("'2'", "2"),
        ("word", "word"),
        ("a b", "a b"),
        ("", ""),
        ("[1, 2]", [1, 2]),
    ],
)
def test_a_value_without_a_type_is_what_it_is_as_yaml(text, expected):
    found = yaml.safe_load(as_yaml(text, None))
    assert found == expected
    assert type(found) is type(expected)


# What is refused


@pytest.mark.parametrize("text", ["null", "{a: 1}", "[1, a]", "a: b", "[", "2024-01-01"])
def test_a_value_that_is_no_parameter_is_refused(text):
    with pytest.raises(ValueError, match='type="str"'):
        as_yaml(text, None)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("<timer/>", ["<timer> in <launch>", "executable"]),
        ('<group if="false"><nod/></group>', ["<nod> in <group>"]),
        ('<node pkg="demo" exec="talker"><nod/></node>', ["<nod> in <node>", "remap"]),
        ('<node pkg="demo" exec="talker" respawn="true"/>', ["<node>", "'respawn'", "on_exit"]),
        ('<node pkg="demo" exec="talker" output="log"/>', ["output='log'", "screen"]),
        ('<node pkg="demo" exec="talker" on_exit="x"/>', ["on_exit='x'", "shutdown"]),
        ('<node pkg="demo"/>', ["<node>", "'exec'"]),
        ('<node pkg="demo" exec="talker"><param name="a" value="1" type="int"/></node>', ["'int'"]),
        ("hello", ["text in <launch>", "'hello'"]),
        ("<launch/>", ["<launch> in <launch>"]),
        ('<let name="a" value="$(eval 1)"/>', ["$(eval)", "$(env name default)"]),
        ('<let name="a" value="$(var)"/>', ["$(var) with 0 arguments"]),
        ('<let name="a" value="$(var nix)"/>', ["variable 'nix' is not set"]),
        ('<let name="a" value="$(env NIX)"/>', ["environment variable 'NIX' is not set"]),
        ('<let name="a" value="$(var a"/>', ["'$(var a'"]),
        ('<let name="a" value="$(env A \'b)"/>', ["$(env A 'b)"]),
        ('<let name="a" value="5 $"/>', ["\\$"]),
        ('<executable cmd="a \'b"/>', ["quotation"]),
        ('<executable cmd=" "/>', ["empty"]),
        ('<set_env name="A=B" value="1"/>', ["'A=B'"]),
        ('<let name="a" value="1" if="yes"/>', ["'yes'", "true or false"]),
        ('<include file="$(dirname)/some.launch.xml"/>', ["includes itself"]),
        ('<node pkg="demo" exec="talker"><param name="a" value="b: c"/></node>', ["'b: c'"]),
        ('<node pkg="demo" exec="talker" namespace="a b"/>', ["'a b' cannot be a namespace", "_"]),
        ('<push_ros_namespace namespace="a//b"/>', ["'a//b' cannot be a namespace", " / "]),
        ('<push-ros-namespace namespace="ok/1a"/>', ["'ok/1a'", "no digit first"]),
        ('<node pkg="demo" exec="talker" name="a__b"/>', ["'a__b' cannot name a node", "no __"]),
        ('<node pkg="demo" exec="talker" name="a/b"/>', ["'a/b' cannot name a node"]),
        ('<node pkg="demo" exec="talker" name="\u00e9"/>', ["'\u00e9' cannot name a node"]),
        ('<group if="true" unless="false"/>', ["<group>", "both 'if' and 'unless'"]),
        ("<group>" * 3000 + "</group>" * 3000, ["<group> is 50 elements deep in others"]),
        ("<group>", ["mismatched tag"]),
        ('<let name="a" name="b" value="1"/>', ["duplicate attribute"]),
    ],
)
def test_refused_by_name_with_file_and_line(read, inside, words):
    with pytest.raises(UserError) as caught:
        read(inside)
    message = str(caught.value)
    assert "some.launch.xml, line " in message
    for word in words:
        assert word in message


def test_files_that_include_one_another_without_end_are_refused(read, tmp_path):
    for number in range(400):
        include = f'<include file="$(dirname)/{number + 1}.xml"/>'
        (tmp_path / f"{number}.xml").write_text(f"<launch>{include}</launch>")
    with pytest.raises(UserError, match=r"line 1: .*/49\.xml is 50 files deep"):
        read('<include file="$(dirname)/0.xml"/>')


def test_the_line_is_told(read):
    with pytest.raises(UserError, match="line 4:"):
        read('<let name="a" value="1"/>\n\n<nod/>')


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no element found"),
        (b"<robot/>", "<launch> is expected here, not <robot>"),
        (b"\xff\xfe\xff", "line 1"),
        (b"<launch>\xff</launch>", "not well-formed"),
        (b"launch:\n", "not well-formed|syntax error"),
    ],
)
def test_what_is_no_launch_file_is_refused(tmp_path, content, words):
    path = tmp_path / "x.xml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        processes(path, {})


@pytest.mark.parametrize("suffix", [".py", ".yaml", ".yml"])
def test_other_languages_are_left_to_ros2_launch(read, tmp_path, suffix):
    path = tmp_path / f"a.launch{suffix}"
    path.write_text("launch:\n")
    words = rf"{path}: .*only XML launch files; `ros2 launch` reads the others"
    with pytest.raises(UserError, match=words):
        arguments(path, {})
    with pytest.raises(UserError, match=words):
        read(f'<include file="{path}"/>')


def test_a_bad_namespace_of_the_command_line_is_told_in_one_line():
    with pytest.raises(
        UserError, match=r"world.launch.xml, line \d+: 'a b' cannot be a nam"
    ) as bad:
        processes(find("world"), {"namespace": "a b"})
    assert "\n" not in str(bad.value)


def test_absent_packages_and_executables_are_named(read):
    with pytest.raises(UserError, match="package absent was not found in /nowhere:"):
        read('<node pkg="absent" exec="x"/>')
    with pytest.raises(UserError, match="no executable 'x'.*There are: talker"):
        read('<node pkg="demo" exec="x"/>')
    with pytest.raises(UserError, match="no executable 'x'.*agent_node"):
        read('<node pkg="deepracer_ros" exec="x"/>')
    with pytest.raises(UserError, match="Cannot read .*absent.xml"):
        read('<include file="/absent.xml"/>')


def test_installed_executables_lie_in_lib(tmp_path, monkeypatch):
    share, executable = tmp_path / "share/deepracer_ros", tmp_path / "lib/deepracer_ros/x_node"
    executable.parent.mkdir(parents=True)
    executable.touch(0o755)
    monkeypatch.setattr("deepracer_cli.launch_packages.share_directory", lambda: share)
    assert executable_of("deepracer_ros", "x_node") == [sys.executable, str(executable)]
    assert share_of("deepracer_ros") == share


@pytest.mark.parametrize(
    "name", ["train", "train.launch.xml", str(ROOT / "launch/train.launch.xml")]
)
def test_a_file_is_found_by_name_or_path(name):
    assert find(name) == ROOT / "launch" / "train.launch.xml"


@pytest.mark.parametrize("name", ["trian", "", "/tmp", "x" * 5000])
def test_an_unknown_file_is_refused_with_those_there_are(name):
    with pytest.raises(UserError, match="car, gz, replay, sim, teleop, train, world"):
        find(name)


@pytest.mark.parametrize("text", ["minutes", "minutes=2", ":=2", "minutes:="])
def test_a_malformed_argument_is_refused(text):
    with pytest.raises(UserError, match="name:=value"):
        parse_arguments([text])


def test_a_value_that_is_no_text_is_refused():
    with pytest.raises(UserError, match="model is not UTF-8"):
        parse_arguments([os.fsdecode(b"model:=\xff")])


def test_the_last_of_two_values_counts():
    assert parse_arguments(["a:=1", "b:=x:=y", "a:=2"]) == {"a": "2", "b": "x:=y"}


def test_an_unknown_argument_is_refused_with_a_near_miss():
    with pytest.raises(
        UserError, match=r"no argument 'minuts'. Did you mean minutes\? It has: name, "
    ):
        processes(find("train"), {"minuts": "2"})


def test_lacking_arguments_are_named():
    with pytest.raises(UserError, match=r"bag:=VALUE \(Folder of the bag\)"):
        processes(find("replay"), {})
