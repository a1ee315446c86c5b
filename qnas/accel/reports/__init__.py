"""Reports of synthesis tools, read into `Measurement`.

| report | from | gives |
|---|---|---|
| `csynth.xml`, `csynth.rpt`, `<function>_csynth.xml` or `.rpt` | Vivado HLS, Vitis HLS | the HLS \
estimate, with modules |
| `export_impl.xml`, `export_syn.xml`, `<top>_export.xml`, or `.rpt` | Vivado HLS, Vitis HLS, run \
by Vivado | resources, clock |
| `report_utilization`, flat or `-hierarchical` | Vivado | resources |
| `report_timing_summary` | Vivado | clock |
| `<top>_cosim.rpt`, `lat.rpt`, `result.transaction.*` | co-simulation | latency, interval |
| `kernel_util_<stage>.rpt`, `system_estimate_*.xtxt` | v++ | resources; the HLS estimate |

A file is known by what it says, not by its name.
"""

from qnas.accel.reports.collect import Reports, collect_reports, read_reports
from qnas.accel.reports.read import read_report

__all__ = ["Reports", "collect_reports", "read_report", "read_reports"]
