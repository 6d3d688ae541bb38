"""Texts that have broken other programs, as a strategy of Hypothesis."""

from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
SIGNS = st.text(st.sampled_from("\ufeff\u200b\u2028\u0301\x1b\r\n\t\"',<>=+-@&#;/\\{}[]ß İıﬁ👩‍👩‍👧"), max_size=60)
MARKUP = st.sampled_from(
    ["<br />", "<", "</", "<a " * 40, "&amp;", "=cmd|' /C calc'!A0", "../../etc/passwd", "\x1b[2J"]
)
TEXTS = ANY_TEXT | SIGNS | MARKUP
# Each sets `window.executed` if a page takes it for more than text.
SCRIPTS = [
    "<script>window.executed = 1</script>",
    "</script><script>window.executed = 1</script>",
    "<img src=x onerror='window.executed = 1'>",
    '"><svg onload="window.executed = 1">',
    "' autofocus onfocus='window.executed = 1' x='",
    "<style>body { display: none }</style></style><iframe srcdoc='<script>parent.executed = 1</script>'>",
    "<!--<script>window.executed = 1//",
    "{{ 7 * 7 }} {% raw %} ${window.executed = 1}",
    "javascript:window.executed=1 <a href='javascript:window.executed=1' accesskey='x'>x</a>",
    "\u202eright to left\u2066 overridden " + "Z\u0301\u0302\u0303\u0304\u0316\u0317" * 30,
    "W" * 3000,
    "<meta http-equiv=refresh content='0;url=https://example.org'><base href='https://example.org'>",
]
