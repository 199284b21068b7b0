"""What the forms in the pages share: fields, and formulas that become JavaScript."""

from __future__ import annotations

import html
import json
import re
from importlib.resources import files
from typing import Any

import altair as alt
from altair.expr.core import FunctionExpression

from lib.charts._theme import _js

_FUNCTIONS = {"pow", "log", "log1p", "ceil", "floor", "sqrt", "max", "min"}
_FORBIDDEN = re.compile(r"[^\w\s.,()+*/<>-]")


class _Names:
    """Arithmetic of JavaScript's names: see `lib.advice.Arithmetic`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.named: list[str] = []

    def let(self, name: str, value: Any) -> Any:
        self.lines.append(f"const {name} = {_javascript(value)};")
        self.named.append(name)
        return alt.param(name=name)

    def log1p(self, x: Any) -> Any:
        return FunctionExpression("log1p", (x,))

    def log(self, x: Any) -> Any:
        return alt.expr.log(x)

    def ceil(self, x: Any) -> Any:
        return alt.expr.ceil(x)

    def larger(self, x: Any, y: Any) -> Any:
        return alt.expr.max(x, y)

    def choose(self, condition: Any, yes: Any, no: Any) -> Any:
        return alt.expr.if_(condition, yes, no)

    def function(self, *arguments: str) -> str:
        """Return a JavaScript function of the arguments that computes all that was named."""
        body = " ".join(self.lines)
        return f"({', '.join(arguments)}) => {{ {body} return {{{', '.join(self.named)}}}; }}"


def _javascript(value: Any) -> str:
    """Turn a traced expression of Vega's language into JavaScript."""
    text = value.name if isinstance(value, alt.Parameter) else _js(value=value)["value"]

    def call(found: re.Match[str]) -> str:
        name = found[1]
        if name == "if":
            return "choose("
        if name not in _FUNCTIONS:
            raise ValueError(f"no function of JavaScript for {name!r} in {text}")
        return f"Math.{name}("

    if _FORBIDDEN.search(text):
        raise ValueError(f"more than arithmetic: {text}")
    return re.sub(r"\b([a-z]\w*)\(", call, text)


def _object(**members: str) -> str:
    """Return a JavaScript expression of an object whose members may use `choose`."""
    inner = ", ".join(f"{name}: {code}" for name, code in members.items())
    choose = "const choose = (condition, yes, no) => condition ? yes : no;"
    return f"(() => {{ {choose} return {{{inner}}}; }})()"


def _script(name: str, formulas: str, texts: object) -> str:
    """Return the script of a form: lib/charts/NAME.js is called with (formulas, texts, form).

    Parameters
    ----------
    name : str
        Of the file, without its ending.
    formulas : str
        A JavaScript expression.
    texts : object
        Anything that JSON can say.

    Returns
    -------
    str
        A script element.
    """
    own, common = (
        files("lib.charts").joinpath(f"{one}.js").read_text("utf8") for one in (name, "form")
    )
    data = json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c")
    return f"<script>\n({own})({formulas}, {data}, ({common})());\n</script>"


def _field(
    prefix: str, name: str, label: str, value: object, mode: str = "decimal", shown: bool = True
) -> str:
    """Return a text field with its label and a place for what is wrong with it.

    Parameters
    ----------
    prefix : str
        Of the form, so that the ids of two forms of a page differ.
    name, label : str
        Of the field; the label may hold HTML.
    value : object
        What it starts with.
    mode : {"decimal", "numeric", "text"}, optional
        Which keyboard a phone shows.
    shown : bool, optional

    Returns
    -------
    str
    """
    at = f"{prefix}-{name}"
    return (
        f'<div class="ww-field" data-field="{name}"{" hidden" * (not shown)}>'
        f'<label for="{at}">{label}</label>'
        f'<input id="{at}" name="{name}" type="text" inputmode="{mode}" autocomplete="off" '
        f'spellcheck="false" value="{html.escape(str(value))}" aria-describedby="{at}-error">'
        f'<p class="ww-error" id="{at}-error" aria-live="polite"></p></div>'
    )
