"""Reports as the guides of Vitis HLS and Vivado show them, with figures made up."""

CSYNTH = """<?xml version="1.0" encoding="UTF-8"?>
<profile>
<ReportVersion><Version>2023.2</Version></ReportVersion>
<UserAssignments>
<unit>ns</unit><Part>xczu9eg-ffvb1156-2-e</Part><TopModelName>qnas_top</TopModelName>
<TargetClockPeriod>6.67</TargetClockPeriod><FlowTarget>vivado</FlowTarget>
</UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis><EstimatedClockPeriod>4.867</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<Best-caseLatency>100</Best-caseLatency><Worst-caseLatency>?</Worst-caseLatency>
<Interval-min>90</Interval-min><Interval-max>1,200</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates>
<Resources><BRAM_18K>12</BRAM_18K><DSP>7</DSP><FF>3456</FF><LUT>7890</LUT><URAM>2</URAM></Resources>
<AvailableResources><BRAM_18K>1824</BRAM_18K><DSP>2520</DSP><LUT>274080</LUT></AvailableResources>
</AreaEstimates>
<RTLDesignHierarchy><TopModule><ModuleName>qnas_top</ModuleName><InstancesList>
<Instance><InstName>run_U0</InstName><ModuleName>run</ModuleName><InstancesList>
<Instance><InstName>g1</InstName><ModuleName>gemm</ModuleName></Instance>
<Instance><InstName>g2</InstName><ModuleName>gemm</ModuleName></Instance>
</InstancesList></Instance>
</InstancesList></TopModule></RTLDesignHierarchy>
<ModuleInformation>
<Module><Name>gemm</Name><PerformanceEstimates><SummaryOfOverallLatency>
<Worst-caseLatency>40</Worst-caseLatency>
<PipelineInitiationInterval>11 ~ 15</PipelineInitiationInterval>
</SummaryOfOverallLatency></PerformanceEstimates>
<AreaEstimates><Resources><FF>5</FF><LUT>6</LUT><AVAIL_LUT>1</AVAIL_LUT></Resources></AreaEstimates>
</Module>
<Module><Name>run</Name></Module>
<Module><Name>qnas_top</Name></Module>
</ModuleInformation>
</profile>
"""

HEAD = """Copyright
---------
| Tool Version : Vivado v.2022.1.2 (lin64) Build 1
| Command      : report_utilization -file a.rpt
| Design       : top
| Device       : xczu9eg-ffvb1156-2-e
| Design State : {state}
---------
"""
ULTRASCALE = (
    HEAD.format(state="Routed")
    + """
Table of Contents
-----------------
1. CLB Logic
2. BLOCKRAM

1. CLB Logic
------------
+---------------+--------+-------+-----------+-------+
|   Site Type   |  Used  | Fixed | Available | Util% |
+---------------+--------+-------+-----------+-------+
| CLB LUTs*     | 12,345 |     0 |    274080 |  0.50 |
|   LUT as Logic|  1000  |     0 |    274080 | <0.01 |
| CLB Registers |  23456 |     0 |    548160 |  0.50 |
+---------------+--------+-------+-----------+-------+

2. BLOCKRAM
-----------
+-------------------+-------+-------+-----------+-------+
|     Site Type     |  Used | Fixed | Available | Util% |
+-------------------+-------+-------+-----------+-------+
| Block RAM Tile    | 119.5 |     0 |       912 | 13.10 |
|   RAMB36/FIFO*    |   100 |     0 |       912 | 10.00 |
|   RAMB18          |    39 |     0 |      1824 |  2.00 |
| URAM              |     3 |     0 |        96 |  3.00 |
| DSPs              |   501 |     0 |      2520 |  3.00 |
+-------------------+-------+-------+-----------+-------+
"""
)
SEVEN = """| Tool Version : Vivado v.2017.4 (lin64)
| Design State : Synthesized
+-----------------+------+-------+-----------+-------+
|    Site Type    | Used | Fixed | Available | Util% |
+-----------------+------+-------+-----------+-------+
| Slice LUTs*     |  100 |     0 |     53200 |  0.19 |
| Slice Registers |  200 |     0 |    106400 |  0.19 |
| DSPs            |    4 |     0 |       220 |  1.82 |
| RAMB36/FIFO*    |    3 |     0 |       140 |  2.14 |
| RAMB18          |    1 |     0 |       280 |  0.36 |
+-----------------+------+-------+-----------+-------+
"""
BY_INSTANCE = """| Command : report_utilization -hierarchical
+-------------+--------+------------+-----+--------+--------+------+------------+
|   Instance  | Module | Total LUTs | FFs | RAMB36 | RAMB18 | URAM | DSP Blocks |
+-------------+--------+------------+-----+--------+--------+------+------------+
| top         |  (top) |  30(0.01%) |  40 |      2 |      1 |    0 |          5 |
|   (top)     |  (top) |          1 |   2 |      0 |      0 |    0 |          0 |
|   a         |   leaf |         10 |  11 |      1 |      0 |    0 |          2 |
|     b       |   deep |          3 |   4 |      0 |      0 |    0 |          1 |
|   c         |   leaf |         10 |  11 |      1 |      0 |    0 |          2 |
+-------------+--------+------------+-----+--------+--------+------+------------+
"""
TIMING = """| Tool Version      : Vivado v.2021.2 (lin64) Build 1
| Design            : top
| Device            : xczu9eg-ffvb1156
| Design State      : Routed
------
| Design Timing Summary
| ---------------------
------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints
    -------      -------  ---------------------  -------------------
     -0.250        -1.5                      7                  723

------
| Clock Summary
| -------------
------

Clock       Waveform(ns)         Period(ns)      Frequency(MHz)
-----       ------------         ----------      --------------
clk_pl_0    {0.000 2.500}        5.000           200.000
  slow      {0.000 5.000}        10.000          100.000

------
| Intra Clock Table
| -----------------
------

Clock             WNS(ns)      TNS(ns)
-----             -------      -------
clk_pl_0           -0.250       -1.500
  slow              2.000        0.000
"""
COSIM = """Report time       : Thu Jan 1 00:00:00 2024.
Solution          : solution1.
Simulation tool   : xsim.

+----------+----------+-----------------------------+-----------------------------+
|          |          |           Latency           |           Interval          |
+   RTL    +  Status  +-----------------------------+-----------------------------+
|          |          |   min   |   avg   |   max   |   min   |   avg   |   max   |
+----------+----------+-----------------------------+-----------------------------+
|      VHDL|        NA|       NA|       NA|       NA|       NA|       NA|       NA|
|   Verilog|      Pass|      250|      255|      259|      260|      261|      262|
+----------+----------+-----------------------------+-----------------------------+
"""
EXPORT = """<profile><RunData><RUN_TYPE>impl</RUN_TYPE>
<VIVADO_VERSION>2022.2</VIVADO_VERSION></RunData>
<TimingReport><TargetClockPeriod>10.000</TargetClockPeriod>
<AchievedClockPeriod>9.362</AchievedClockPeriod></TimingReport>
<AreaReport><Resources><BRAM>3</BRAM><DSP>1</DSP><FF>86</FF><LUT>75</LUT><URAM>0</URAM></Resources>
</AreaReport>
<GeneralInfo NAME="General"><item NAME="Target device" VALUE="xc7z020-clg400-1"/></GeneralInfo>
</profile>"""
