"""Environments in which the libraries take this processor for another."""

OTHER_PROCESSORS = [  # as the libraries know them; what a library does not know, it leaves
    {},
    {"ATEN_CPU_CAPABILITY": "default"},
    {"OPENBLAS_CORETYPE": "Haswell"},
    {"MKL_CBWR": "COMPATIBLE"},
    {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
]
