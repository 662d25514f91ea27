"""GitHub's expressions, as far as the workflows use them: contexts, operators, and the functions that are named here.

As https://docs.github.com/actions/reference/workflows-and-actions/expressions says: `==` ignores case, `&&` and `||`
give one of their operands, what is not there is null, and null is empty as text.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|(?P<sign>==|!=|&&|\|\||[!().,\[\]])|(?P<name>[\w-]+))"
)
WRITTEN = re.compile(r"\$\{\{(.*?)\}\}", re.S)
STATUS = re.compile(r"\b(?:success|failure|always|cancelled)\(\)")


class ExpressionError(Exception):
    """An expression that this evaluator does not know."""


@dataclass(frozen=True)
class Contexts:
    """What an expression can see: github, vars, secrets, inputs, needs, steps, env, matrix, and how things went."""

    values: Mapping[str, Any]
    ok: bool = True
    cancelled: bool = False
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    def call(self, name: str, arguments: list[Any]) -> Any:
        known: dict[str, Callable[..., Any]] = {
            "success": lambda: self.ok and not self.cancelled,
            "failure": lambda: not self.ok and not self.cancelled,
            "cancelled": lambda: self.cancelled,
            "always": lambda: True,
            "toJSON": lambda value: json.dumps(value, indent=2),
            "contains": lambda where, what: plain(what).lower() in plain(where).lower(),
            "startsWith": lambda where, what: plain(where).lower().startswith(plain(what).lower()),
            "endsWith": lambda where, what: plain(where).lower().endswith(plain(what).lower()),
        }
        if name not in known:
            raise ExpressionError(f"no such function here: {name}")
        return known[name](*arguments)


def evaluate(expression: str, contexts: Contexts) -> Any:
    """The value of one expression, without its braces. Raises ExpressionError."""
    reader = _Reader(expression, contexts)
    value = reader.either()
    if reader.peek() is not None:
        raise ExpressionError(f"{expression!r} goes on after its end")
    return value


def filled(value: Any, contexts: Contexts) -> Any:
    """A value of a workflow with its `${{ }}` filled in. Alone, an expression keeps its type."""
    if not isinstance(value, str):
        return value
    alone = re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", value, re.S)
    if alone:
        return evaluate(alone[1], contexts)
    return WRITTEN.sub(lambda found: plain(evaluate(found[1], contexts)), value)


def holds(condition: Any, contexts: Contexts) -> bool:
    """An `if:`. One that asks for no status stands behind `success()`; absent, it is `success()`."""
    text = "success()" if condition is None else str(condition).strip()
    whole = re.fullmatch(r"\$\{\{(.*)\}\}", text, re.S)
    text = whole[1] if whole else text
    if not STATUS.search(text):
        text = f"success() && ({text})"
    return truth(evaluate(text, contexts))


def truth(value: Any) -> bool:
    return value not in (None, False, 0, "")


def plain(value: Any) -> str:
    """A value as text."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Reader:
    """Recursive descent: || over && over ! over == and !=."""

    def __init__(self, expression: str, contexts: Contexts) -> None:
        self.contexts = contexts
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while expression[at:].strip():
            found = TOKEN.match(expression, at)
            if not found or found.lastgroup is None:
                raise ExpressionError(f"{expression!r} cannot be read at {expression[at:]!r}")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()

    def peek(self) -> str | None:
        return self.tokens[0][1] if self.tokens else None

    def take(self, *signs: str) -> str:
        """The next token if it is one of these signs, else ""."""
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return ""

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value if truth(value) else other
        return value

    def both(self) -> Any:
        value = self.equal()
        while self.take("&&"):
            other = self.equal()
            value = other if truth(value) else value
        return value

    def equal(self) -> Any:
        value = self.one()
        while sign := self.take("==", "!="):
            same = _same(value, self.one())
            value = same if sign == "==" else not same
        return value

    def one(self) -> Any:
        if self.take("!"):
            return not truth(self.one())
        if self.take("("):
            value = self.either()
            self._need(")")
            return value
        if not self.tokens:
            raise ExpressionError("an expression ends too early")
        kind, text = self.tokens.pop(0)
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return int(text)
        if text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        if self.take("("):
            return self._called(text)
        return self._member(self.contexts.values.get(text))

    def _called(self, name: str) -> Any:
        arguments: list[Any] = []
        while not self.take(")"):
            arguments.append(self.either())
            self.take(",")
        return self.contexts.call(name, arguments)

    def _member(self, value: Any) -> Any:
        while sign := self.take(".", "["):
            key = self.tokens.pop(0)[1] if sign == "." else plain(self.either())
            if sign == "[":
                self._need("]")
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def _need(self, sign: str) -> None:
        if not self.take(sign):
            raise ExpressionError(f"{sign} is missing")


def _same(left: Any, right: Any) -> bool:
    """Loosely: texts without their case; null, true and false as numbers beside something else."""
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if type(left) is type(right):
        return bool(left == right)
    return _number(left) == _number(right)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return float(value or 0)
        except ValueError:
            return None
    return float(value or 0) if value is None or isinstance(value, int | float) else None
