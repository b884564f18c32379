"""What this machine's matrix units do, GFLOP/s by form: the limit of every image tower (docs/performance.md).

.venv/bin/python -m tests.benchmarks.matrix_rates
"""

from __future__ import annotations

from core.models.convert.forms_bench import MATRIX, matrix_rates
from core.progress import CancelToken
from tests.benchmarks.machine import row

if __name__ == "__main__":
    for form, rate in matrix_rates(CancelToken()).items():
        row("matrix rate", f"{form}, {MATRIX} x {MATRIX}", rate, "GFLOP/s")
