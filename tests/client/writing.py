"""How is `daemon/client` written from the operations? `python -m tests.client.writing` does it."""

import subprocess
import sys
from inspect import cleandoc
from pathlib import Path
from textwrap import fill, indent
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields

from daemon.control.operation import Operation
from daemon.control.operations import OPERATIONS
from daemon.control.sentences import THEME, THEMES
from tests.client.examples import EXAMPLES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "daemon/client"
COMMAND = "python -m tests.client.writing"
WIDTH = 92  # of a docstring, within a method
FOLLOWED = "follow"
"""The theme that is written by hand: how a stream goes on is its own."""

HEADS = {
    "look": "How is the fleet looked at, and what happened in it?",
    "health": "How are health and rotation asked about, under the documents' names?",
    "trouble": "How is it asked what is wrong, and what differs from what is usual?",
    "consent": "How is it written down who consents to details, and asked who was told of whom?",
    "sources": "How does what is outside report, and how are its reports looked at?",
    "act": "How is something done now: synced, paused, fetched again?",
    "settings": "How are settings and breakers looked at, and set?",
    "connections": "How do connections come, move, go, and get at somebody's account?",
    "data": "How are records, what is held of them, and what they were, looked at and taken back?",
    "gateway": "How does a program call a provider, and what becomes of its writes?",
}
SECONDS = {
    "diff": "asking.PAST_S",
    "quarantine-accept": "asking.PATIENT_S",
    "quarantine-drop": "asking.PATIENT_S",
    "rollback": "asking.PATIENT_S",
    "rollback-preview": "asking.PATIENT_S",
}
"""How long some may need beyond the usual."""


def written() -> dict[Path, str]:
    """What each file of the client is to hold."""
    themes = [theme for theme in THEMES if theme != FOLLOWED]
    return {FOLDER / f"{theme}.py": _formatted(_file(theme)) for theme in themes}


def method_name(operation: str) -> str:
    return operation.replace("-", "_")


def class_name(theme: str) -> str:
    return f"{theme.title()}Operations"


def _file(theme: str) -> str:
    operations = [each for each in OPERATIONS if THEME.get(each.name) == theme]
    order = list(THEMES[theme])
    operations.sort(key=lambda each: order.index(each.name))
    names = _Names()
    methods = "\n".join(_method(each, names) for each in operations)
    return (
        f'"""{HEADS[theme]}\n\nWritten by `{COMMAND}` from the operations: change those.\n"""\n\n'
        f"{names.imports()}\n\n"
        f"class {class_name(theme)}(Asker):\n"
        f"{indent(methods, '    ')}"
    )


def _method(operation: Operation, names: "_Names") -> str:
    given = fields(operation.takes)
    hints = get_type_hints(operation.takes)
    needed = [each for each in given if each.required]
    more = [each for each in given if not each.required]
    arguments = ["self", *(f"{each.name}: {names.of(hints[each.name])}" for each in needed)]
    optional = [_optional(each, hints[each.name], names) for each in more]
    if operation.as_of and "at" not in hints:
        optional.append(f"at: {names.ours('daemon.client.asker', 'Moment')} | None = None")
    arguments += ["*", *optional] if optional else []
    gives = names.of(operation.gives)
    return (
        f"async def {method_name(operation.name)}({', '.join(arguments)}) -> {gives}:\n"
        f"{indent(_docstring(operation), '    ')}\n"
        f"    return await {_call(operation, names)}\n"
    )


def _optional(field: FieldInfo, hint: Any, names: "_Names") -> str:
    if field.default_factory is list:
        (each,) = get_args(hint)
        return f"{field.name}: {names.ours('collections.abc', 'Sequence')}[{names.of(each)}] = ()"
    if field.default_factory is dict:
        inner = ", ".join(names.of(each) for each in get_args(hint))
        mapping = names.ours("collections.abc", "Mapping")
        return f"{field.name}: {mapping}[{inner}] | None = None"
    assert field.default is not NODEFAULT, f"{field.name} has a default that is not known here"
    default = field.default
    shown = (
        f"{names.of(type(default))}.{default.name}" if hasattr(default, "name") else repr(default)
    )
    return f"{field.name}: {names.of(hint)} = {shown}"


def _docstring(operation: Operation) -> str:
    does = THEMES[THEME[operation.name]][operation.name]
    takes = cleandoc(operation.takes.__doc__ or "") if fields(operation.takes) else ""
    example = cleandoc(EXAMPLES[operation.name])
    more = takes.removeprefix(does).strip()
    paragraphs = [fill(" ".join(each.split()), WIDTH) for each in more.split("\n\n") if each]
    rest = "\n\n".join([*paragraphs, f"```python\n{example}\n```"])
    return f'"""{does}\n\n{rest}\n"""'


def _call(operation: Operation, names: "_Names") -> str:
    verb = "_get" if operation.method == "GET" else "_post"
    given = ", ".join(_passed(each) for each in fields(operation.takes))
    arguments = [f'"{operation.name}"', f"{names.of(operation.takes)}({given})"]
    arguments.append(names.of(operation.gives))
    if operation.as_of and "at" not in operation.takes.__struct_fields__:
        arguments.append("at=at")
    if "timeout_s" in operation.takes.__struct_fields__:
        arguments.append("seconds=timeout_s")
    elif seconds := SECONDS.get(operation.name):
        names.ours("daemon.control", "asking")
        arguments.append(f"seconds={seconds}")
    return f"self.{verb}({', '.join(arguments)})"


def _passed(field: FieldInfo) -> str:
    if field.default_factory is list:
        return f"{field.name}=list({field.name})"
    if field.default_factory is dict:
        return f"{field.name}=dict({field.name} or {{}})"
    return f"{field.name}={field.name}"


class _Names:
    """Which names a file uses, and where they are imported from."""

    def __init__(self) -> None:
        self._found: dict[str, set[str]] = {"daemon.client.asker": {"Asker"}}

    def ours(self, module: str, name: str) -> str:
        self._found.setdefault(module, set()).add(name)
        return name

    def of(self, hint: Any) -> str:
        """A type as it is written, without what msgspec alone checks."""
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in {Union, UnionType}:
            return " | ".join(self.of(each) for each in arguments)
        if origin is Literal:
            self.ours("typing", "Literal")
            return f"Literal[{', '.join(repr(each) for each in arguments)}]"
        if origin is not None:
            return f"{self.of(origin)}[{', '.join(self.of(each) for each in arguments)}]"
        if hint in {None, NoneType}:
            return "None"
        if hint.__module__ == "builtins":
            return str(hint.__name__)
        return self.ours(hint.__module__, hint.__name__)

    def imports(self) -> str:
        return "\n".join(
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self._found.items())
        )


def _formatted(text: str) -> str:
    for command in (["check", "--quiet", "--fix", "--select", "I", "-"], ["format", "-"]):
        ruff = [sys.executable, "-m", "ruff", *command[:-1], "--stdin-filename", "daemon/x.py", "-"]
        done = subprocess.run(
            ruff, input=text, capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
        text = done.stdout
    return text


def main() -> None:
    for path, text in written().items():
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines\n")


if __name__ == "__main__":
    main()
