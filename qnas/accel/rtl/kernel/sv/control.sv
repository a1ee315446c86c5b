// The register file of the kernel, on AXI4-Lite, laid out as Vitis HLS lays it out (UG1399,
// "S_AXILITE Control Register Map"): 0x00 control, 0x04 to 0x0c interrupts, from 0x10 on ADDRESSES
// of 64 bits, twelve bytes apart, then NUMBERS of 32 bits, eight bytes apart.
module control #(
    parameter int ADDRESSES = 3, NUMBERS = 1
) (
    input logic clk, rst,
    input logic [7:0] awaddr,
    input logic awvalid,
    output logic awready,
    input logic [31:0] wdata,
    input logic [3:0] wstrb,
    input logic wvalid,
    output logic wready,
    output logic bvalid,
    input logic bready,
    input logic [7:0] araddr,
    input logic arvalid,
    output logic arready,
    output logic [31:0] rdata,
    output logic rvalid,
    input logic rready,
    output logic interrupt,
    output logic start,  // a clock long
    input logic done,  // likewise
    output logic [ADDRESSES-1:0][63:0] addresses,
    output logic [NUMBERS-1:0][31:0] numbers
);
  localparam int FIRST = 16, NUMBER = FIRST + 12 * ADDRESSES;
  logic running, finished, restarts, enabled;
  logic [1:0] enables, pending;  // of interrupts: done, ready
  logic writes, reads;
  logic [31:0] mask;
  logic [7:0] to, from;
  assign writes = awvalid & wvalid & ~bvalid;
  assign {awready, wready} = {2{writes}};
  assign reads = arvalid & ~rvalid;
  assign arready = reads;
  assign mask = {{8{wstrb[3]}}, {8{wstrb[2]}}, {8{wstrb[1]}}, {8{wstrb[0]}}};
  assign to = {awaddr[7:2], 2'b0};
  assign from = {araddr[7:2], 2'b0};
  assign interrupt = enabled & (|pending);

  always_ff @(posedge clk) begin
    bvalid <= writes | (bvalid & ~bready);
    rvalid <= reads | (rvalid & ~rready);
    start <= 1'b0;
    if (done) begin
      running <= restarts;
      start <= restarts;
      finished <= 1'b1;
      pending <= pending | enables;
    end
    if (writes) begin
      if (to == 8'h00 & wstrb[0]) begin
        restarts <= wdata[7];
        if (wdata[0] & ~running) {running, start} <= 2'b11;
      end
      if (to == 8'h04 & wstrb[0]) enabled <= wdata[0];
      if (to == 8'h08 & wstrb[0]) enables <= wdata[1:0];
      if (to == 8'h0c & wstrb[0]) pending <= pending ^ wdata[1:0];
      for (int i = 0; i < ADDRESSES; i = i + 1) begin
        if (to == 8'(FIRST + 12 * i))
          addresses[i][31:0] <= (wdata & mask) | (addresses[i][31:0] & ~mask);
        if (to == 8'(FIRST + 12 * i + 4))
          addresses[i][63:32] <= (wdata & mask) | (addresses[i][63:32] & ~mask);
      end
      for (int i = 0; i < NUMBERS; i = i + 1)
        if (to == 8'(NUMBER + 8 * i)) numbers[i] <= (wdata & mask) | (numbers[i] & ~mask);
    end
    if (reads) begin
      rdata <= '0;
      if (from == 8'h00) begin
        rdata <= {24'b0, restarts, 3'b0, finished, ~running, finished, running};
        finished <= done;  // reading clears it
      end
      if (from == 8'h04) rdata <= {31'b0, enabled};
      if (from == 8'h08) rdata <= {30'b0, enables};
      if (from == 8'h0c) rdata <= {30'b0, pending};
      for (int i = 0; i < ADDRESSES; i = i + 1) begin
        if (from == 8'(FIRST + 12 * i)) rdata <= addresses[i][31:0];
        if (from == 8'(FIRST + 12 * i + 4)) rdata <= addresses[i][63:32];
      end
      for (int i = 0; i < NUMBERS; i = i + 1)
        if (from == 8'(NUMBER + 8 * i)) rdata <= numbers[i];
    end
    if (rst) begin
      {bvalid, rvalid, start, running, finished, restarts, enabled} <= '0;
      {enables, pending} <= '0;
      addresses <= '0;
      numbers <= '0;
    end
  end
endmodule
