# Vitis HLS, its batch commands: UG1399, "Vitis HLS Command Reference", pages open_project,
# set_top, add_files, open_solution, set_part, create_clock, csim_design, csynth_design,
# cosim_design and export_design (2020.2 to 2025.2).

# Folders and files that flags and arguments name must be there.
proc check_paths {text} {
    foreach word $text {
        if {[regexp {^-I(.*)} $word -> word] || [string match /* $word]} {
            require {[file exists $word]} {$word does not exist}
        }
    }
}

command open_project {-reset flag -upgrade flag} {1 1} { set ::state(project) [lindex $words 0] }
command set_top {} {1 1} { needed project open_project; set ::state(top) [lindex $words 0] }
command add_files {
    -tb flag -cflags value -csimflags value -blackbox value
} {1 1} {
    needed project open_project
    check_paths $words
    foreach {option flags} $opt { if {$option ne "-tb"} { check_paths $flags } }
    set ::state([expr {[dict exists $opt -tb] ? "bench" : "source"}]) $words
}
command open_solution {-reset flag -flow_target {vivado vitis}} {1 1} {
    needed project open_project
    set ::state(solution) [lindex $words 0]
    set ::state(target) [expr {[dict exists $opt -flow_target] ? [dict get $opt -flow_target] : "vivado"}]
}
command set_part {} {1 1} { needed solution open_solution; set ::state(part) [lindex $words 0] }
command create_clock {-period value -name value} {0 0} {
    needed solution open_solution
    set period [dict get $opt -period]
    require {[string is double -strict $period] && $period > 0} {no period: $period}
    set ::state(clock) $period
}
command csim_design {
    -O flag -argv value -clean flag -ldflags value -mflags value -profile flag -setup flag
} {0 0} {
    needed source add_files
    needed bench "add_files -tb"
    check_paths [dict get $opt -argv]
}
command csynth_design {-dump_cfg flag -dump_post_cfg flag -synthesis_check flag} {0 0} {
    foreach {name setter} {top set_top source add_files part set_part clock create_clock} {
        needed $name $setter
    }
    set ::state(rtl) 1
}
command cosim_design {
    -O flag -argv value -clean flag -compiled_library_dir value -coverage flag
    -disable_dependency_check flag -ldflags value -mflags value -random_stall flag
    -rtl {verilog vhdl} -setup flag -tool {auto vcs modelsim riviera isim xsim ncsim xceliumn}
    -trace_level {none all port port_hier} -wave_debug flag
} {0 0} {
    needed rtl csynth_design
    check_paths [dict get $opt -argv]
}
command export_design {
    -description value -display_name value -flow {syn impl} -format {ip_catalog xo syn_dcp sysgen}
    -ipname value -library value -output value -rtl {verilog vhdl} -taxonomy value -vendor value
    -version value
} {0 0} {
    needed rtl csynth_design
    require {[dict get $opt -format] ne "xo" || $::state(target) eq "vitis"} {an xo is a Vitis kernel}
    if {[info exists ::env(NO_PACKAGE)]} { return }
    if {[dict exists $opt -output]} {
        write_file [dict get $opt -output]
    } else {
        write_file $::state(project)/$::state(solution)/impl/ip/component.xml
    }
}
