"""Reports of synthesis tools, read into `Measurement`.

| report | from | gives |
|---|---|---|
| `csynth.xml`, `<function>_csynth.xml` | Vivado HLS, Vitis HLS | the HLS estimate, with modules |
| `export_impl.xml`, `export_syn.xml` | Vivado HLS, Vitis HLS, run by Vivado | resources, clock |
| `report_utilization`, flat or `-hierarchical` | Vivado | resources |
| `report_timing_summary` | Vivado | clock |
| `<top>_cosim.rpt`, `lat.rpt`, `result.transaction.*` | co-simulation | latency, interval |

A file is known by what it says, not by its name.
"""

from qnas.accel.reports.read import read_report, read_reports

__all__ = ["read_report", "read_reports"]
