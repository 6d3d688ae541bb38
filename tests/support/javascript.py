"""A JavaScript engine that runs the network's part of the page."""

import json
from typing import Any

from py_mini_racer import MiniRacer

from sentiment.inference.checkpoint import Checkpoint
from sentiment.report import network, page

# Browsers have it, the bare engine has not.
ATOB = """
function atob(text) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const bytes = [];
  let bits = 0, count = 0;
  for (const digit of text.replace(/=+$/, "")) {
    bits = (bits << 6) | digits.indexOf(digit);
    count += 6;
    if (count >= 8) bytes.push(String.fromCharCode((bits >> (count -= 8)) & 255));
  }
  return bytes.join("");
}
"""


class Engine:
    """V8 with page/network.js. It must be closed: left to the end of the process, it can keep that from ending."""

    def __init__(self, context: MiniRacer) -> None:
        self._context = context
        self._context.eval(ATOB + (page.FOLDER / "network.js").read_text(encoding="utf-8"))

    def load(self, trained: Checkpoint) -> None:
        """Make `network` this network, as the page gets it."""
        self._context.eval(f"globalThis.network = new Network({json.dumps(network.as_json(trained))})")

    def __call__(self, expression: str, **values: Any) -> Any:
        """Return the value of an expression, through JSON. values: the names in it"""
        names = "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items())
        return json.loads(str(self._context.eval(f"{{ {names} JSON.stringify({expression}) }}")))
