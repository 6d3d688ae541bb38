"""The page in a browser: it runs without an error or a request, answers to mouse and keyboard, and obeys no text."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentiment.analysis import drawing
from sentiment.data.encoding import Truncation
from sentiment.inference.checkpoint import Checkpoint
from sentiment.inference.predictor import predict_texts
from sentiment.report import plots, walks
from tests.support.clone import Clone
from tests.support.networks import smooth
from tests.support.pages import html
from tests.support.texts import SCRIPTS, TEXTS

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -r requirements-browser.txt")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no Chromium; Debian has it as a package")]

WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}
TEXT = "good bad unknown NA"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])  # the tests may run as root
        yield opened
        opened.close()


class Visit:
    """A page in a browser, and all that it said or asked for beyond its own file."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.said.append(request.url))
        self.page.goto(path.as_uri())
        assert self.said == [path.as_uri()]
        self.said.clear()
        if self.page.locator("#data").count():
            self.settle()

    def settle(self) -> None:
        """Wait until the words have their colours, which come last."""
        self.page.wait_for_function("() => document.getElementById('word').textContent !== '…'")
        self.page.wait_for_timeout(50)

    def write(self, text: str) -> None:
        self.page.fill("#text", text)
        self.settle()

    def text(self, selector: str) -> str:
        found: str = self.page.locator(selector).inner_text()
        return found


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Open a page: visit(html), or visit(html, viewport=PHONE)."""
    opened: list[Visit] = []

    def call(source: str, **options: Any) -> Visit:
        path = tmp_path / f"page-{len(opened)}.html"
        path.write_text(source, encoding="utf-8")
        opened.append(Visit(browser, path, **options))
        return opened[-1]

    yield call
    for each in opened:
        each.page.close()
        assert each.said == []  # no message, no request, whatever the test did


def probability(trained: Checkpoint, text: str) -> str:
    return f"{predict_texts(trained, [text]).probability[0][1]:.4f}"


def language() -> walks.Walk:
    automaton = walks.automaton("verdicts", ["good", "bad", "not"])
    svg = drawing.draw(automaton, drawing.state_names(automaton), ["negative", "positive"])
    steps = walks.steps("language", automaton)
    return walks.Walk("The automaton of verdicts", plots.inline(svg, "automaton", "language-"), steps)


@pytest.mark.parametrize("model", [
    {"cell": "rnn"},
    {"cell": "lstm", "layers": 2, "bidirectional": True},
    {"cell": "gru", "concat_last_embedding": True},
], ids=str)  # fmt: skip
def test_the_answer_follows_every_keystroke(visit: Any, model: dict[str, Any]) -> None:
    trained = smooth(**model)
    there = visit(html(trained, ["good"]))
    there.page.fill("#text", "")
    typed = ""
    for character in "bad NA, good":
        there.page.locator("#text").press_sequentially(character)
        typed += character
        assert f"is {probability(trained, typed)}." in there.text("#answer")
    assert there.text("#bars li:nth-child(2)").split() == ["positive", probability(trained, typed)]
    there.settle()
    there.page.locator("#details summary").click()
    rows = there.page.locator("#table tr").all_inner_texts()
    assert [row.split()[:2] for row in rows] == [["bad", "yes"], ["na", "no"], [",", "no"], ["good", "yes"]]
    assert [row.split()[2] for row in rows] == [
        probability(trained, text) for text in ("bad", "bad NA", "bad NA,", typed)
    ]


def test_unknown_words_are_marked(visit: Any) -> None:
    there = visit(html(smooth(), [TEXT]))
    assert there.page.locator(".word.unknown").all_inner_texts() == ["unknown", "na"]
    assert there.text("#known") == "4 words read, 2 unknown to the network."
    there.write("these words are all unknown")
    assert there.text("#known").endswith("With so many unknown words, the answer means little.")


@pytest.mark.parametrize("text, word, after", [
    ("good bad unknown NA", 1, "good unknown NA"),
    ("good,bad NA", 1, "good bad NA"),  # neighbours stay apart
    ("bad", 0, ""),
])  # fmt: skip
def test_a_word_can_be_deleted_and_put_back(visit: Any, text: str, word: int, after: str) -> None:
    trained = smooth()
    there = visit(html(trained, [text]))
    there.page.locator(".word").nth(word).click()
    without = probability(trained, after)
    assert there.text("#word").split(":")[0].endswith(f", the probability of positive is {without}")
    there.page.get_by_role("button", name="Delete this word").click()
    there.settle()
    assert there.page.input_value("#text") == after
    assert f"the probability of positive is {without}." in there.text("#answer")
    assert f"Before the last change it was {probability(trained, text)}" in there.text("#answer")
    assert there.page.evaluate("document.activeElement.id") == ("delete" if after else "undo")
    there.page.get_by_role("button", name="Undo").click()
    assert there.page.input_value("#text") == text
    assert there.page.get_by_role("button", name="Undo").is_disabled()


def test_undo_takes_back_an_example_but_no_typing(visit: Any) -> None:
    there = visit(html(smooth(), [TEXT]))
    there.write("bad")
    there.page.locator(".examples button").first.click()
    assert there.page.input_value("#text") == TEXT
    there.page.get_by_role("button", name="Undo").click()
    assert there.page.input_value("#text") == "bad"
    there.page.get_by_role("button", name="Delete this word").click()
    there.page.locator("#text").press_sequentially("good")
    assert there.page.get_by_role("button", name="Undo").is_disabled()


def test_the_threshold_decides_as_in_the_pipeline(visit: Any) -> None:
    trained = smooth()
    share = float(predict_texts(trained, [TEXT]).probability[0][1])
    for threshold, label in ((share - 0.01, "positive"), (share + 0.01, "negative")):
        there = visit(html(trained, [TEXT], threshold=threshold))
        assert there.text("#answer").startswith(f"{label}: the probability of positive is ")


def test_what_the_network_does_not_read_is_said(visit: Any) -> None:
    trained = smooth()  # which reads six tokens
    there = visit(html(trained, [TEXT]))
    there.write("good " * 9)
    assert there.text("#known") == (
        "6 words read, 0 unknown to the network. The network reads no more of the text, which has 9."
    )
    whole = trained.encoding.model_copy(update={"truncation": Truncation(max_tokens=0, truncation_side="start")})
    trained = replace(trained, encoding=whole)
    there = visit(html(trained, [TEXT]))
    there.write("good " * 20_000)
    assert there.text("#known").endswith("The page shows at most 1000 words one by one.")
    assert there.page.locator(".word").count() == 0
    assert f"is {probability(trained, 'good ' * 20_000)}." in there.text("#answer")
    there.write("")
    assert f"is {probability(trained, '')}." in there.text("#answer")
    there.write("good")
    assert there.page.locator(".word").count() == 1


def test_the_keyboard_walks_through_the_words(visit: Any) -> None:
    there = visit(html(smooth(), [TEXT], [language()]))
    there.page.focus("#position")
    there.page.keyboard.press("Home")
    states = []
    for _ in range(3):
        states.append(
            (there.text("[aria-current]"), there.text(".walk"), there.page.locator(".current .number").count())
        )
        there.page.keyboard.press("ArrowRight")
    assert [word for word, _, _ in states] == ["good", "bad", "unknown"]
    assert states[2][1] == states[1][1].replace("bad", "unknown")  # which the grammar takes for neutral
    assert there.page.locator(".current").count() == 1


def test_a_click_on_the_states_chooses_a_word_and_a_unit(visit: Any) -> None:
    there = visit(html(smooth(layers=2, bidirectional=True), [TEXT]))
    states = there.page.locator("#states")
    box = states.bounding_box()
    states.click(position={"x": box["width"] - 5, "y": box["height"] - 2})
    assert there.text("[aria-current]") == "na"
    assert there.page.locator("#unit option:checked").inner_text() == "backward 4"
    before = there.page.evaluate("document.getElementById('states').toDataURL()")
    there.page.select_option("#layer", "0")
    there.page.wait_for_function("(before) => document.getElementById('states').toDataURL() !== before", arg=before)


@pytest.mark.parametrize("options", [
    {"viewport": WIDE}, {"viewport": WIDE, "color_scheme": "dark"}, {"viewport": PHONE, "is_mobile": True},
], ids=["light", "dark", "phone"])  # fmt: skip
def test_the_page_fits_and_a_screen_reader_can_use_it(visit: Any, clone: Clone, options: dict[str, Any]) -> None:
    clone.set("report.reviews", 2)
    clone.stage("report")
    source = (clone.path / "reports/index.html").read_text(encoding="utf-8")
    there = visit(source, **options)
    assert there.page.evaluate("document.documentElement.scrollWidth") <= options["viewport"]["width"]
    assert violations(there) == []
    assert there.page.pdf().startswith(b"%PDF")


def violations(there: Visit) -> list[str]:
    """Return the rules of axe (WCAG 2 A and AA, good practice) that a page breaks, with the first element of each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(there.page).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html']} {rule['nodes'][0]['failureSummary']}" for rule in found]


def test_no_text_is_more_than_text(visit: Any) -> None:
    there = visit(html(smooth(), SCRIPTS), viewport=PHONE)
    obeys_nothing(there)
    for text in SCRIPTS:
        there.write(text)
        assert there.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    obeys_nothing(there)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(TEXTS, min_size=10, max_size=10))
def test_any_text_stays_within_its_element(visit: Any, texts: list[str]) -> None:
    there = visit(html(smooth(), texts))
    obeys_nothing(there)
    there.write(" ".join(texts))


def obeys_nothing(there: Visit) -> None:
    assert there.page.evaluate("window.executed") is None
    assert there.page.evaluate("document.querySelectorAll('script').length") == 2
    assert there.page.evaluate("document.querySelectorAll('img, iframe, a:not([href^=\"#\"]), base').length") == 0
    outside = there.page.evaluate("""() => [...document.querySelectorAll('.review')].filter((review) => {
        const box = review.getBoundingClientRect();
        return [...review.querySelectorAll('*')].some((inner) => {
            const { left, right, top, bottom } = inner.getBoundingClientRect();
            return left < box.left - 1 || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1;
        });
    }).length""")
    assert outside == 0


def test_two_runs_and_the_plots_are_pages_without_scripts(visit: Any, clone: Clone) -> None:
    clone.set("train.epochs", 1)
    for words, path in ((["report", "--against", "main"], "reports/against.html"), (["plots"], "dvc_plots/index.html")):
        clone.sentiment(*words)
        there = visit((clone.path / path).read_text(encoding="utf-8"), viewport=PHONE)
        assert there.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert violations(there) == []
