# Vivado: commands of UG835 (2020.2 to 2025.2), and a block design that knows the pins of what the
# scripts place in it: PG201 (Zynq UltraScale+), PG082 (Zynq-7000), PG247 (SmartConnect), PG164
# (reset), and the kernel, whose interfaces $KERNEL names.

array set cells {}       ;# name -> IP
array set connected {}   ;# pin or interface -> what it is connected to

# Slave ports of the processing system: number in its settings, name.
set slaves(zynq_ultra_ps_e) {0 HPC0 1 HPC1 2 HP0 3 HP1 4 HP2 5 HP3}
set slaves(processing_system7) {0 HP0 1 HP1 2 HP2 3 HP3}
set masters(zynq_ultra_ps_e) {0 HPM0_FPD 1 HPM1_FPD 2 HPM0_LPD}
set masters(processing_system7) {0 GP0 1 GP1}
set defaults(zynq_ultra_ps_e) {
    PSU__FPGA_PL0_ENABLE 1 PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ 100
    PSU__USE__M_AXI_GP0 1 PSU__USE__M_AXI_GP1 1 PSU__USE__M_AXI_GP2 0
}
set defaults(processing_system7) {
    PCW_EN_CLK0_PORT 1 PCW_FPGA0_PERIPHERAL_FREQMHZ 50 PCW_USE_M_AXI_GP0 1 PCW_USE_M_AXI_GP1 0
}
foreach n {0 1 2 3 4 5} {
    lappend defaults(zynq_ultra_ps_e) PSU__USE__S_AXI_GP$n 0 PSU__SAXIGP${n}__DATA_WIDTH 128
}
foreach n {0 1 2 3} {
    lappend defaults(processing_system7) PCW_USE_S_AXI_HP$n 0 PCW_S_AXI_HP${n}_DATA_WIDTH 64
}
set defaults(smartconnect) {NUM_SI 1 NUM_MI 1}
set defaults(proc_sys_reset) {}
set widths {zynq_ultra_ps_e {32 64 128} processing_system7 {32 64}}

proc config {cell name} { return $::settings($cell,$name) }

# Interfaces of a cell: name -> its clock pin.
proc interfaces {cell} {
    set found {}
    switch $::cells($cell) {
        zynq_ultra_ps_e {
            foreach {n name} $::slaves(zynq_ultra_ps_e) {
                if {[config $cell PSU__USE__S_AXI_GP$n]} {
                    lappend found S_AXI_${name}_FPD saxi[string tolower $name]_fpd_aclk
                }
            }
            foreach {n name} $::masters(zynq_ultra_ps_e) {
                if {[config $cell PSU__USE__M_AXI_GP$n]} {
                    lappend found M_AXI_$name maxi[string tolower $name]_aclk
                }
            }
        }
        processing_system7 {
            foreach {n name} $::slaves(processing_system7) {
                if {[config $cell PCW_USE_S_AXI_HP$n]} { lappend found S_AXI_$name S_AXI_${name}_ACLK }
            }
            foreach {n name} $::masters(processing_system7) {
                if {[config $cell PCW_USE_M_AXI_GP$n]} { lappend found M_AXI_$name M_AXI_${name}_ACLK }
            }
        }
        smartconnect {
            for {set n 0} {$n < [config $cell NUM_SI]} {incr n} { lappend found S0${n}_AXI aclk }
            for {set n 0} {$n < [config $cell NUM_MI]} {incr n} { lappend found M0${n}_AXI aclk }
        }
        kernel { foreach name $::env(KERNEL) { lappend found $name ap_clk } }
    }
    return $found
}

# Pins of a cell that must be connected.
proc inputs {cell} {
    set pins [dict values [interfaces $cell]]
    switch $::cells($cell) {
        smartconnect { lappend pins aresetn }
        kernel { lappend pins ap_rst_n }
        proc_sys_reset { lappend pins slowest_sync_clk ext_reset_in }
    }
    return [lsort -unique $pins]
}

proc outputs {cell} {
    switch $::cells($cell) {
        zynq_ultra_ps_e { return {pl_clk0 pl_resetn0} }
        processing_system7 { return {FCLK_CLK0 FCLK_RESET0_N} }
        proc_sys_reset { return {peripheral_aresetn interconnect_aresetn peripheral_reset mb_reset} }
    }
    return {}
}

# PATH where the function knows it for its cell, nothing (as in Vivado) where not.
proc looked_up {path function} {
    lassign [split $path /] cell pin
    if {[info exists ::cells($cell)] && $pin in [$function $cell]} { return $path }
    return ""
}
proc pins {cell} { return [concat [inputs $cell] [outputs $cell]] }
proc names {cell} { return [dict keys [interfaces $cell]] }

command create_project {-force flag -part value -in_memory flag -ip flag} {1 2} {
    set ::state(project) [lindex $words 0]
    set ::state(folder) [lindex $words 1]
}
command current_project {} {0 0} { needed project create_project; return project }
command current_fileset {} {0 0} { needed project create_project; return fileset }
command get_board_parts {
    -quiet flag -verbose flag -filter value -latest_file_version flag -latest_hw_revision flag
    -regexp flag -nocase flag
} {0 1} {
    if {[info exists ::env(BOARD)] && [string match [lindex $words 0] $::env(BOARD)]} { return $::env(BOARD) }
}
set properties {project {board_part ip_repo_paths} fileset {top}}
command set_property {-dict value -quiet flag} {1 3} {
    set object [lindex $words end]
    require {$object ne ""} {set_property: no object}
    set pairs [expr {[dict exists $opt -dict] ? [dict get $opt -dict] : [lrange $words 0 1]}]
    require {[llength $words] == ([dict exists $opt -dict] ? 1 : 3)} {set_property: arguments $words}
    foreach {name value} $pairs {
        if {[info exists ::cells($object)]} { set_config $object $name $value; continue }
        require {$name in [dict get $::properties $object]} {no property $name of $object}
        set ::state($name) $value
    }
}
proc set_config {cell name value} {
    set ip $::cells($cell)
    require {[regexp {^CONFIG\.(.*)} $name -> key]} {no property $name of $cell}
    require {[info exists ::settings($cell,$key)]} {$ip has no parameter $key}
    require {[string is double -strict $value]} {$key is no number: $value}
    if {[string match *DATA_WIDTH $key]} {
        require {$value in [dict get $::widths $ip]} {$key is one of [dict get $::widths $ip], got $value}
    }
    set ::settings($cell,$key) $value
}
command update_ip_catalog {-rebuild flag} {0 0} { needed ip_repo_paths set_property }
command get_ipdefs {-filter value -all flag -quiet flag} {0 1} {
    require {[regexp {^NAME == (\w+)$} [dict get $opt -filter] -> name]} {no filter: [dict get $opt -filter]}
    foreach folder $::state(ip_repo_paths) {
        if {[file exists $folder/component.xml]} { return xilinx.com:hls:$name:1.0 }
    }
}
command create_bd_design {-dir value -quiet flag} {1 1} { set ::state(design) [lindex $words 0] }
command create_bd_cell {-type {ip module hier container_block} -vlnv value -reference value} {1 1} {
    needed design create_bd_design
    lassign $words cell
    lassign [split [dict get $opt -vlnv] :] vendor library name
    set ip [expr {$library eq "hls" ? "kernel" : $name}]
    require {$ip eq "kernel" || ($library eq "ip" && [info exists ::defaults($ip)])} {no IP $name}
    require {![info exists ::cells($cell)]} {there is a cell $cell already}
    set ::cells($cell) $ip
    if {$ip ne "kernel"} {
        foreach {key value} $::defaults($ip) { set ::settings($cell,$key) $value }
    }
    return $cell
}
command get_bd_cells {-quiet flag -filter value} {0 1} {
    if {[info exists ::cells([lindex $words 0])]} { return [lindex $words 0] }
}
command get_bd_pins {-quiet flag -filter value -of_objects value} {0 1} { looked_up [lindex $words 0] pins }
command get_bd_intf_pins {-quiet flag -filter value -of_objects value} {0 1} {
    looked_up [lindex $words 0] names
}
command apply_bd_automation {-rule value -config value -dict value} {0 1} {
    set ip $::cells([lindex $words 0])
    require {[dict get $opt -rule] eq "xilinx.com:bd_rule:$ip"} {no rule [dict get $opt -rule]}
    foreach {key value} [dict get $opt -config] {
        require {$key in {apply_board_preset make_external Master Slave}} {no setting $key}
        if {$key eq "apply_board_preset" && $value} { needed board_part "set_property board_part" }
    }
}
command connect_bd_net {-net value -boundary_type value} {2 99} {
    set driver ""
    foreach pin $words {
        require {$pin ne ""} {connect_bd_net: a pin is not there: $words}
        lassign [split $pin /] cell name
        if {$name in [outputs $cell]} {
            require {$driver in [list "" $pin]} {two drivers: $driver, $pin}
            set driver $pin
        }
    }
    require {$driver ne ""} {nothing drives $words}
    foreach pin $words { if {$pin ne $driver} { set ::connected($pin) $driver } }
}
command connect_bd_intf_net {-intf_net value -boundary_type value} {2 2} {
    foreach {one other} [concat $words [lreverse $words]] {
        require {$one ne ""} {an interface is not there: $words}
        require {![info exists ::connected($one)]} {$one is connected twice}
        set ::connected($one) $other
    }
}
command assign_bd_address {-target_address_space value -offset value -range value} {0 1} {
    set ::state(addresses) 1
}
command validate_bd_design {-force flag -quiet flag} {0 0} {
    needed addresses assign_bd_address
    foreach cell [lsort [array names ::cells]] {
        foreach name [concat [names $cell] [inputs $cell]] {
            require {[info exists ::connected($cell/$name)]} {$cell/$name is not connected}
        }
    }
    set ::state(valid) 1
}
command save_bd_design {-quiet flag} {0 1} { needed valid validate_bd_design }
command get_files {-quiet flag -filter value} {0 1} {
    require {[lindex $words 0] eq "$::state(design).bd"} {no file $words}
    return $::state(folder)/$words
}
command make_wrapper {-files value -top flag -import flag -force flag} {0 0} {
    set design $::state(folder)/$::state(project).gen/sources_1/bd/$::state(design)
    write_file $design/hw_handoff/$::state(design).hwh
    write_file $design/hdl/$::state(design)_wrapper.v
    return $design/hdl/$::state(design)_wrapper.v
}
command add_files {-norecurse flag -fileset value} {1 1} {
    require {[file exists [lindex $words 0]]} {no file $words}
    set ::state(wrapper) [file rootname [file tail [lindex $words 0]]]
}
command get_runs {-quiet flag} {0 1} {
    require {[lindex $words 0] in {synth_1 impl_1}} {no run $words}
    return [lindex $words 0]
}
command launch_runs {-jobs value -to_step value -force flag} {1 9} {
    require {$::state(top) eq $::state(wrapper)} {the top is no file of the project}
    set ::state(launched) $words
}
command wait_on_run {-timeout value} {1 1} { require {$words eq $::state(launched)} {$words is not launched} }
command open_run {-name value} {1 1} { set ::state(open) $words }
command get_property {-min flag -max flag -quiet flag} {2 2} {
    lassign $words name object
    require {$object eq "impl_1"} {no object $object}
    set known {PROGRESS 100% STATUS {route_design Complete!} STATS.WNS 0.1 STATS.WHS 0.02}
    require {[dict exists $known $name]} {no property $name}
    if {[info exists ::env($name)]} { return $::env($name) }
    return [dict get $known $name]
}
command report_utilization {-file value -hierarchical flag -quiet flag} {0 0} {
    needed open open_run
    write_file [dict get $opt -file]
}
command report_timing_summary {-file value -max_paths value -quiet flag} {0 0} {
    needed open open_run
    write_file [dict get $opt -file]
}
command write_bitstream {-force flag -bin_file flag} {1 1} { needed open open_run; write_file [lindex $words 0] }
