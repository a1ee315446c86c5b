"""qnas_top.sv: the kernel behind its AXI ports, named as those of the kernel of Vitis HLS."""

from __future__ import annotations

from collections.abc import Sequence

from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.package import GENERATED

HEAD = """\
// The kernel behind its AXI ports: the register file, a reader for each port of the weight stream
// and for the images, a writer for the logits. Ports have the names that Vitis HLS gives them.
"""
CONTROL: tuple[str, ...] = (
    *("input logic [7:0] s_axi_control_AWADDR", "input logic s_axi_control_AWVALID"),
    *("output logic s_axi_control_AWREADY", "input logic [31:0] s_axi_control_WDATA"),
    *("input logic [3:0] s_axi_control_WSTRB", "input logic s_axi_control_WVALID"),
    *("output logic s_axi_control_WREADY", "output logic [1:0] s_axi_control_BRESP"),
    *("output logic s_axi_control_BVALID", "input logic s_axi_control_BREADY"),
    *("input logic [7:0] s_axi_control_ARADDR", "input logic s_axi_control_ARVALID"),
    *("output logic s_axi_control_ARREADY", "output logic [31:0] s_axi_control_RDATA"),
    *("output logic [1:0] s_axi_control_RRESP", "output logic s_axi_control_RVALID"),
    "input logic s_axi_control_RREADY",
)
READ: tuple[str, ...] = (
    *("output logic [63:0] {p}_ARADDR", "output logic [7:0] {p}_ARLEN"),
    *("output logic [2:0] {p}_ARSIZE", "output logic [1:0] {p}_ARBURST"),
    *("output logic [3:0] {p}_ARCACHE", "output logic [2:0] {p}_ARPROT"),
    *("output logic {p}_ARVALID", "input logic {p}_ARREADY"),
    *("input logic [{bits}:0] {p}_RDATA", "input logic [1:0] {p}_RRESP"),
    *("input logic {p}_RLAST", "input logic {p}_RVALID", "output logic {p}_RREADY"),
)
WRITE: tuple[str, ...] = (
    *("output logic [63:0] {p}_AWADDR", "output logic [7:0] {p}_AWLEN"),
    *("output logic [2:0] {p}_AWSIZE", "output logic [1:0] {p}_AWBURST"),
    *("output logic [3:0] {p}_AWCACHE", "output logic [2:0] {p}_AWPROT"),
    *("output logic {p}_AWVALID", "input logic {p}_AWREADY"),
    *("output logic [{bits}:0] {p}_WDATA", "output logic [3:0] {p}_WSTRB"),
    *("output logic {p}_WLAST", "output logic {p}_WVALID", "input logic {p}_WREADY"),
    *("input logic [1:0] {p}_BRESP", "input logic {p}_BVALID", "output logic {p}_BREADY"),
)


def bundle(index: int) -> str:
    """The AXI master of the plan's port number `index`."""
    return f"m_axi_gmem{index}"


def top(plans: Sequence[HardwarePlan]) -> str:
    """The module `qnas_top`."""
    plan = plans[0]
    ports = ["input logic ap_clk, ap_rst_n", *CONTROL, "output logic interrupt"]
    for index, port in enumerate(plan.ports):
        bundled = READ if port.direction == "read" else WRITE
        ports += [s.format(p=bundle(index), bits=port.bits - 1) for s in bundled]
    body = [_control(plans), *(_reader(plan, index) for index in range(len(plan.ports) - 1))]
    body += [_stream(plan), _kernel(plan), _writer(plan, len(plan.ports) - 1)]
    signals = ",\n".join(f"    {signal}" for signal in ports)
    return f"{GENERATED}\n{HEAD}module qnas_top (\n{signals}\n);\n{''.join(body)}endmodule\n"


def _control(plans: Sequence[HardwarePlan]) -> str:
    count = len(plans[0].ports)
    numbers = 1 if len(plans) == 1 else 2
    network = "32'd0" if numbers == 1 else "numbers[1]"
    return f"""\
  logic rst, start, goes, busy, storing, running, done;
  logic [{count - 1}:0][63:0] addresses;
  logic [{numbers - 1}:0][31:0] numbers;
  logic [31:0] images, network, stream_words;
  assign images = numbers[0];
  assign goes = start & images != 0;  // a call of no images ends at once
  assign network = {network};
  // A reset lasts until every pipeline has run empty: none has a reset of its own but at its entry.
  logic [5:0] resetting;
  assign rst = resetting != 0;
  always_ff @(posedge ap_clk) resetting <= ~ap_rst_n ? '1 : resetting - 6'(rst);
  control registers (
      .clk(ap_clk), .rst(rst), .awaddr(s_axi_control_AWADDR), .awvalid(s_axi_control_AWVALID),
      .awready(s_axi_control_AWREADY), .wdata(s_axi_control_WDATA), .wstrb(s_axi_control_WSTRB),
      .wvalid(s_axi_control_WVALID), .wready(s_axi_control_WREADY),
      .bvalid(s_axi_control_BVALID), .bready(s_axi_control_BREADY),
      .araddr(s_axi_control_ARADDR), .arvalid(s_axi_control_ARVALID),
      .arready(s_axi_control_ARREADY), .rdata(s_axi_control_RDATA),
      .rvalid(s_axi_control_RVALID), .rready(s_axi_control_RREADY), .interrupt(interrupt),
      .start(start), .done(done), .addresses(addresses), .numbers(numbers));
  assign {{s_axi_control_BRESP, s_axi_control_RRESP}} = 4'b0;
  network_table networks (
      .network(network), .first(), .stages(), .stream_words(stream_words));
  // A call ends when all images are through and memory has answered to all of their logits.
  assign done = running & ~busy & ~storing & ~start;
  always_ff @(posedge ap_clk) running <= ~rst & (start | (running & ~done));
""".replace("control registers", f"control #(.ADDRESSES({count}), .NUMBERS({numbers})) registers")


def _reader(plan: HardwarePlan, index: int) -> str:
    port, name = plan.ports[index], bundle(index)
    weights = port in plan.weight_ports
    words = "stream_words" if weights else "32'(plan::BATCH * plan::IMAGE_WORDS)"
    size = (port.bits // 8).bit_length() - 1
    return f"""\

  // {port.name}
  logic {port.name}_valid, {port.name}_pop;
  logic [{port.bits - 1}:0] {port.name}_word;
  axi_reader #(.BITS({port.bits}), .REPEATS({int(weights)}), .BATCH(plan::BATCH),
      .DEPTH({port.burst * port.outstanding}), .MOST_BEATS({port.burst})) {port.name}_reader (
      .clk(ap_clk), .rst(rst), .start(goes), .address(addresses[{index}]), .words({words}),
      .images(images), .araddr({name}_ARADDR), .arlen({name}_ARLEN), .arvalid({name}_ARVALID),
      .arready({name}_ARREADY), .rdata({name}_RDATA), .rvalid({name}_RVALID),
      .valid({port.name}_valid), .word({port.name}_word), .pop({port.name}_pop));
  assign {{{name}_ARSIZE, {name}_ARBURST}} = {{3'd{size}, 2'b01}};
  assign {{{name}_ARCACHE, {name}_ARPROT, {name}_RREADY}} = {{4'b0011, 3'b0, 1'b1}};
"""


def _stream(plan: HardwarePlan) -> str:
    names = [port.name for port in plan.weight_ports]
    words = ", ".join(f"{name}_word" for name in reversed(names))
    valids = " & ".join(f"{name}_valid" for name in names)
    pops = "".join(f"  assign {name}_pop = stream_push;\n" for name in names)
    return f"""\

  // A word of the weight stream: one of each of its ports, side by side.
  logic stream_push, stream_ready, word_valid, word_ready;
  logic [plan::STREAM_BITS-1:0] word;
  assign stream_push = stream_ready & {valids};
{pops}  fifo #(.BITS(plan::STREAM_BITS), .DEPTH(plan::STREAM_DEPTH)) stream (
      .clk(ap_clk), .rst(rst), .push(stream_push), .d({{{words}}}), .ready(stream_ready),
      .pop(word_valid & word_ready), .valid(word_valid), .q(word), .level());
"""


def _kernel(plan: HardwarePlan) -> str:
    image = plan.image_port.name
    return f"""\

  logic pixels_ready, answer_valid, answer_last, answer_ready;
  logic [31:0] answer;
  assign {image}_pop = {image}_valid & pixels_ready;
  kernel accelerator (
      .clk(ap_clk), .rst(rst), .start(goes), .images(images), .network(network), .busy(busy),
      .word_valid(word_valid), .word(word), .word_ready(word_ready),
      .pixels_valid({image}_valid), .pixels({image}_word), .pixels_ready(pixels_ready),
      .answer_valid(answer_valid), .answer_last(answer_last), .answer_d(answer),
      .answer_ready(answer_ready));
"""


def _writer(plan: HardwarePlan, index: int) -> str:
    port, name = plan.ports[index], bundle(index)
    return f"""\
  axi_writer #(.MOST_BEATS({port.burst})) logits_writer (
      .clk(ap_clk), .rst(rst), .start(goes), .address(addresses[{index}]),
      .words(32'(plan::BATCH * plan::CLASSES)), .busy(storing), .valid(answer_valid),
      .last(answer_last), .d(answer), .ready(answer_ready), .awaddr({name}_AWADDR),
      .awlen({name}_AWLEN),
      .awvalid({name}_AWVALID), .awready({name}_AWREADY), .wdata({name}_WDATA),
      .wvalid({name}_WVALID), .wlast({name}_WLAST), .wready({name}_WREADY),
      .bvalid({name}_BVALID));
  assign {{{name}_AWSIZE, {name}_AWBURST}} = {{3'd2, 2'b01}};
  assign {{{name}_AWCACHE, {name}_AWPROT, {name}_BREADY}} = {{4'b0011, 3'b0, 1'b1}};
  assign {name}_WSTRB = 4'b1111;
"""
