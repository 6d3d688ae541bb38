"""The recurrent cells: a module for each, and their names in params.yaml.

Importing this package loads no torch: `nn/config.py` reads the names to check `model.cell`.
"""

# Name in params.yaml -> module and class in this package.
CELLS = {
    "rnn": "rnn.RNN",
    "gru": "gru.GRU",
    "lstm": "lstm.LSTM",
}
