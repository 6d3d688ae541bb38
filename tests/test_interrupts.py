"""Ctrl-C, a scheduler and a closed terminal interrupt a command in the same way."""

import signal
from collections.abc import Iterator

import pytest

from sentiment.io import command, interrupts

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The signals of this process as they were, after the test."""
    before = {number: signal.getsignal(number) for number in CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", CODES)
def test_a_command_says_that_it_was_interrupted(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    signal.signal(number, signal.default_int_handler)
    with pytest.raises(SystemExit) as ended:
        command.run(lambda: signal.raise_signal(number), takes_arguments=True)
    assert ended.value.code == CODES[number]
    assert capsys.readouterr().err == "interrupted: files are whole or as they were; run it again\n"


def test_nohup_keeps_its_effect() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts.catch()
    signal.raise_signal(signal.SIGHUP)


@pytest.mark.parametrize("first", CODES)
def test_a_second_signal_does_not_break_off_what_the_first_began(first: signal.Signals) -> None:
    signal.signal(first, signal.default_int_handler)
    interrupts.catch(once=True)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(first)
    for number in CODES:
        signal.raise_signal(number)
