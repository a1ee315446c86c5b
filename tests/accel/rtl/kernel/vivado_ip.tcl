# Vivado's IP packager: commands of UG835 and UG1118 that package_ip.tcl uses. Objects are their
# names; a property of an object that was never made is an error.
namespace eval ipx {}
namespace eval body:ipx {}
array set made {}

proc make {kind name} { set ::made($kind:$name) 1; return $kind:$name }
proc there {object} {
    if {![info exists ::made($object)]} { error "no such object: $object" }
    return $object
}

command create_project {-force flag -part value} {2 2} { make project [lindex $words 0] }
command close_project {-delete flag} {0 0}
command add_files {-norecurse flag} {1 1} {
    set names [lmap file [lindex $words 0] { file tail $file }]
    if {"qnas_top.sv" ni $names || "plan.sv" ni $names} { error "sources are missing" }
}
command current_fileset {} {0 0} { make fileset sources_1 }
command update_compile_order {-fileset value} {0 0}
command set_property {} {3 3} { there [lindex $words 2] }
command ipx::package_project {
    -root_dir value -vendor value -library value -taxonomy value -import_files flag -force flag
    -set_current {true false}
} {0 0} { file mkdir [dict get $opt -root_dir]; close [open [dict get $opt -root_dir]/component.xml w] }
command ipx::unload_core {} {1 1} { if {![file exists [lindex $words 0]]} { error "no core" } }
command ipx::edit_ip_in_project {-upgrade {true false} -name value -directory value} {1 1} {
    make core [lindex $words 0]
    set ::core core:[lindex $words 0]
}
command ipx::current_core {} {0 0} { return $::core }
command ipx::associate_bus_interfaces {-busif value -clock value} {1 1} {
    there [lindex $words 0]
    if {[dict get $opt -busif] ni $::env(KERNEL)} { error "no interface [dict get $opt -busif]" }
}
command ipx::add_memory_map {} {2 2} { there [lindex $words 1]; make map [lindex $words 0] }
command ipx::get_bus_interfaces {-of_objects value} {1 1} {
    there [dict get $opt -of_objects]
    make interface [lindex $words 0]
}
command ipx::add_address_block {} {2 2} { there [lindex $words 1]; make block [lindex $words 0] }
command ipx::add_register {} {2 2} {
    there [lindex $words 1]
    if {[info exists ::made(register:[lindex $words 0])]} { error "two of [lindex $words 0]" }
    make register [lindex $words 0]
}
command ipx::add_register_parameter {} {2 2} {
    there [lindex $words 1]
    make parameter [lindex $words 0]:[lindex $words 1]
}
command ipx::create_xgui_files {} {1 1} { there [lindex $words 0] }
command ipx::update_checksums {} {1 1} { there [lindex $words 0] }
command ipx::check_integrity {-kernel flag} {1 1} { there [lindex $words 0] }
command ipx::save_core {} {1 1} { there [lindex $words 0] }
command package_xo {
    -force flag -xo_path value -kernel_name value -ip_directory value
    -ctrl_protocol {ap_ctrl_hs ap_ctrl_chain ap_ctrl_none user_managed}
} {0 0} { if {![file exists [dict get $opt -ip_directory]/component.xml]} { error "no IP" } }
