"""YAML files, read by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2, section 10.3).

PyYAML's own loaders read YAML 1.1, in which `no` is false and `1e-3` a string. DVC reads YAML 1.2 with additions:
`1_000` is a number, `2024-01-31` a date. Where DVC departs from the core schema the value is refused, so the project
never computes with another value than DVC records.
"""

import math
import re
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from sentiment.errors import InputError, printable, quote, reason
from sentiment.io.atomic import atomic_write

# Values in a document, an anchor's counted again at each alias. A dvc.lock has a few thousand; a few lines of aliases
# of aliases ("billion laughs") exceed any memory.
MAX_VALUES = 1_000_000

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"

# Plain scalars of the core schema. `017` is seventeen, `-0x1` a string.
_NULL = r"~ | null | Null | NULL |"
_BOOL = r"true | True | TRUE | false | False | FALSE"
_INT = r"[-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+"
_FLOAT = r"""
    [-+]? (?: \.[0-9]+ | [0-9]+(?:\.[0-9]*)? ) (?:[eE][-+]?[0-9]+)?
  | [-+]? \.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
"""
# Plain scalars that DVC takes for another type than the core schema does: the patterns of ruamel.yaml 0.19.
_STRING_TO_DVC = r"[-+]?\.[0-9]+[eE][0-9]+"
_NO_STRING_TO_DVC = r"""
    [-+]?0b[01_]+ | [-+]?0o?[0-7_]+ | [-+]?0x[0-9a-fA-F_]+ | (?!_)[-+]?[0-9_]+
  | [-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)? | [-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?
  | [0-9]{4}-[0-9]{2}-[0-9]{2}
  | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2} (?:[Tt]|[ \t]+) [0-9]{1,2}:[0-9]{2}:[0-9]{2} (?:\.[0-9]*)?
    (?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?
  | =
"""


class _Refused(yaml.constructor.ConstructorError):
    """YAML that this project does not read; the problem includes the remedy."""

    def __init__(self, node: yaml.Node, problem: str) -> None:
        super().__init__(None, None, problem, node.start_mark)


class _Loader(yaml.SafeLoader):
    """Builds None, bool, int, float, str, list and dict, and nothing else.

    CSafeLoader reads a dvc.lock of 800 lines in 20 ms rather than 115, but libyaml parses tabs and empty tagged values
    unlike DVC's reader, which is derived from the parser used here.
    """

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 PyYAML declares it so
    yaml_constructors: ClassVar[dict[str | None, Callable[..., Any]]] = {
        _TAG + name: yaml.SafeLoader.yaml_constructors[_TAG + name] for name in ("str", "seq", "map")
    }

    def construct_document(self, node: yaml.Node) -> Any:
        if _size(node, {}) > MAX_VALUES:
            raise _Refused(node, f"its anchors expand to more than {MAX_VALUES:,} values; write them out")
        return super().construct_document(node)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put the pairs of the mappings that `<<` names in front, where the mapping's own override them.

        Of a list of mappings the first wins, as in DVC. (PyYAML 6.0.4 loses an override in a mapping that is merged in
        turn.) Raises _Refused for a key that occurs twice.
        """
        if hasattr(node, "is_flat"):
            return
        node.is_flat = True  # type: ignore[attr-defined]
        self._require_unique(node)
        merged = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in reversed(value_node.value) if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    if not isinstance(source, yaml.MappingNode):
                        raise _Refused(source, "<< merges a mapping or a list of mappings; give it an alias of one")
                    self.flatten_mapping(source)
                    merged += source.value
        node.value = merged + [pair for pair in node.value if pair[0].tag != _MERGE]

    def _require_unique(self, node: yaml.MappingNode) -> None:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = (_MERGE,) if key_node.tag == _MERGE else self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _Refused(key_node, "a list or a mapping is no key; use a word")
            if key in seen:
                raise _Refused(key_node, f"the key {quote(key_node.value)} occurs twice; remove one")
            seen.add(key)


class _Dumper(yaml.SafeDumper):
    """Puts a string in quotes where the loader would read another type."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def _size(node: yaml.Node, sizes: dict[int, float]) -> float:
    """Return how many values a node has with its aliases expanded: infinity if it contains itself."""
    if id(node) not in sizes:
        sizes[id(node)] = math.inf
        children: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            children = node.value
        elif isinstance(node, yaml.MappingNode):
            children = [child for pair in node.value for child in pair]
        sizes[id(node)] = 1 + sum(_size(child, sizes) for child in children)
    return sizes[id(node)]


def _resolve(tag: str, pattern: str) -> re.Pattern[str]:
    """Give plain scalars that match a pattern a tag, unless an earlier pattern matches."""
    compiled = re.compile(rf"(?:{pattern})\Z", re.VERBOSE)
    _Loader.add_implicit_resolver(tag, compiled, None)
    return compiled


def _define(name: str, pattern: str, build: Callable[[str], Any]) -> None:
    """Read plain scalars that match a pattern, and others that are tagged `!!name`, as a type."""
    compiled = _resolve(_TAG + name, pattern)

    def construct(loader: Any, node: yaml.Node) -> Any:
        text = loader.construct_scalar(node)
        if not compiled.match(text):
            raise _Refused(node, f"{quote(text)} is no YAML {name}; remove the tag")
        try:
            return build(text)
        except ValueError as error:  # Python refuses numbers of more than 4,300 digits
            raise _Refused(node, f"{quote(text)}: {reason(error)}; write a shorter one") from None

    _Loader.add_constructor(_TAG + name, construct)


def _refuse_tag(_: Any, node: yaml.Node) -> Any:
    raise _Refused(node, f"the tag {quote(node.tag)} is not read here; remove it")


def _refuse_scalar(_: Any, node: yaml.Node) -> Any:
    raise _Refused(node, f"DVC reads {quote(node.value)} unlike YAML 1.2; put text in quotes, or write a plain number")


_resolve("!unlike-dvc", _STRING_TO_DVC)
_define("null", _NULL, lambda text: None)
_define("bool", _BOOL, lambda text: text.lower() == "true")
_define("int", _INT, lambda text: int(text, 0 if text[:2] in ("0o", "0x") else 10))
_define("float", _FLOAT, lambda text: float(re.sub(r"\.(?=[a-zA-Z])", "", text)))
_resolve(_MERGE, "<<")
_resolve("!unlike-dvc", _NO_STRING_TO_DVC)
_Loader.add_constructor("!unlike-dvc", _refuse_scalar)
_Loader.add_constructor(None, _refuse_tag)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a file's mapping. Raises InputError, with the line, where the file is missing or holds anything else."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run the command in the root of the repository") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    try:
        document = parse(text)
    except InputError as mistake:
        raise InputError(f"{path}: {mistake}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: holds {quote(document)} instead of a mapping; restore it from Git")
    return document


def write_yaml(path: Path, document: Mapping[str, Any]) -> None:
    """Write a mapping so that `read_yaml`, and DVC, return it. Comments that the file had are lost."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        yaml.dump(document, stream, _Dumper, sort_keys=False)


def parse(text: str) -> Any:
    """Return the value of a YAML document. Raises InputError with the line.

    >>> parse("{learning_rate: 1e-3, answer: no, mode: 0o17, padded: 017}")
    {'learning_rate': 0.001, 'answer': 'no', 'mode': 15, 'padded': 17}
    """
    if found := re.match(r"\ufeff?(?:\s*#.*\n|\s)*%", text):
        raise InputError(f"{_line(found)}: directives such as %YAML are not read here; remove the line")
    if found := re.search("[\x85\u2028\u2029]", text):  # these end a line in YAML 1.1 alone
        raise InputError(f"{_line(found)}: {quote(found[0])} is not read here; write the escape in double quotes")
    try:
        return yaml.load(text, _Loader)
    except RecursionError:
        raise InputError("not valid YAML: nested too deeply; restore it from Git") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        if isinstance(error, _Refused):
            raise InputError(f"{where}{error.problem}") from None
        problem = printable(str(getattr(error, "problem", None) or reason(error)))
        raise InputError(f"{where}not valid YAML: {problem}; correct it, or restore it from Git") from None


def _line(found: re.Match[str]) -> str:
    return f"line {found.string.count(chr(10), 0, found.end()) + 1}"
