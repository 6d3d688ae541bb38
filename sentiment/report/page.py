"""Put what the page says into HTML: one file with all that it needs, and a policy that lets it load nothing else."""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sentiment.analysis.drawing import CSS

FOLDER = Path(__file__).with_name("page")
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"
_AUTOMATON = CSS.replace("text {", "svg text {")


def environment() -> Environment:
    """Return the templates. Every value is escaped unless it is Markup; a value that is missing is an error."""
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(
    template: str, values: dict[str, Any], sections: Sequence[tuple[str, str]] = (), data: dict[str, Any] | None = None
) -> str:
    """Return a page.

    values: those of the template; sections: id and name of each; data: what the scripts read, None for no scripts
    """
    templates = environment()
    style = templates.get_template("style.css").render(automaton_style=Markup(_AUTOMATON))
    script = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in ("network.js", "page.js"))
    scripts = f"'{_digest(script)}'" if data else "'none'"
    return templates.get_template(template).render(
        values,
        policy=Markup(f"{_POLICY}; style-src '{_digest(style)}'; script-src {scripts}"),
        style=Markup(style),
        sections=sections,
        script=Markup(script),
        data=_json(data) if data else None,
    )


def _digest(text: str) -> str:
    """Return the hash by which a content security policy allows an inline script or style sheet."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> Markup:
    """Return JSON for a script element, which no text in it can end."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))
