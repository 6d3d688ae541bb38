"""Random automata."""

import numpy as np
from hypothesis import strategies as st

from sentiment.data.automaton import Automaton


@st.composite
def automata(draw: st.DrawFn, tokens: str = "ab") -> Automaton:
    """Draw an automaton of up to four states, with the labels 0 and 1."""
    states = draw(st.integers(1, 4))
    cells = st.integers(0, states - 1)
    rows = st.lists(cells, min_size=len(tokens), max_size=len(tokens))
    transitions = draw(st.lists(rows, min_size=states, max_size=states))
    labels = draw(st.lists(st.integers(0, 1), min_size=states, max_size=states))
    return Automaton(tuple(tokens), np.array(transitions, np.int64), np.array(labels, np.int64))
