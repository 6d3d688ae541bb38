"""An environment in which the libraries take this processor for another."""

OTHER_PROCESSOR = {  # as each library knows it; what a library does not know, it leaves
    "ATEN_CPU_CAPABILITY": "default",
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_CBWR": "COMPATIBLE",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
}
