"""Interruptions: Ctrl-C (SIGINT), `kill` or a scheduler (SIGTERM) and a closed terminal (SIGHUP), all treated alike."""

import signal

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def catch(*, once: bool = False) -> None:
    """Raise KeyboardInterrupt for each of these signals that is not ignored; `nohup` ignores SIGHUP.

    once: ignore all of them after the first one, so that no other breaks off what has to be done at the end
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise_once if once else _raise)


def ignore() -> None:
    """Ignore all of these signals from now on, in the processes started after this too."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def exit_code(interruption: KeyboardInterrupt) -> int:
    """Return 128 plus the number of the signal, as a shell has it: 130 after Ctrl-C."""
    number: int = interruption.args[0] if interruption.args else signal.SIGINT
    return 128 + number


def _raise(number: int, frame: object) -> None:
    raise KeyboardInterrupt(number)


def _raise_once(number: int, frame: object) -> None:
    ignore()
    raise KeyboardInterrupt(number)
