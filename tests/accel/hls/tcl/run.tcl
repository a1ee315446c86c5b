# Runs a script against the stub of a tool:  tclsh run.tcl STUB SCRIPT
#
# A stub declares each command of the tool that a script may use:
#
#   command NAME OPTIONS COUNT BODY
#
# OPTIONS says of each option what follows it: `flag` (nothing), `value` (anything), or the values
# that are allowed. COUNT is the fewest and the most other arguments. BODY finds the options in the
# dictionary `opt` and the arguments in `words`. All else is an error, as in the tool. Each call is
# a line of the file $JOURNAL; a command that $FAIL names fails.
set journal [open $env(JOURNAL) w]

proc command {name options count {body {}}} {
    proc body:$name {opt words} $body
    interp alias {} ::$name {} called $name $options $count
}

proc called {name options count args} {
    lassign [parsed $name $options $args] opt words
    lassign $count fewest most
    if {[llength $words] < $fewest || [llength $words] > $most} {
        error "$name: $fewest to $most arguments, got [list $words]"
    }
    puts $::journal [list $name $opt $words]
    flush $::journal
    if {[info exists ::env(FAIL)] && $name in $::env(FAIL)} { error "$name failed" }
    return [body:$name $opt $words]
}

proc parsed {name options arguments} {
    set opt {}
    set words {}
    while {[llength $arguments]} {
        set arguments [lassign $arguments word]
        if {![regexp {^-[a-zA-Z]} $word]} { lappend words $word; continue }
        if {![dict exists $options $word]} { error "$name: unknown option $word" }
        set kind [dict get $options $word]
        if {$kind eq "flag"} { dict set opt $word 1; continue }
        if {![llength $arguments]} { error "$name: $word needs a value" }
        set arguments [lassign $arguments value]
        if {$kind ne "value" && $value ni $kind} { error "$name: $word is one of $kind, got $value" }
        dict set opt $word $value
    }
    return [list $opt $words]
}

proc unknown {name args} { error "unknown command $name" }

# The value of a variable that an earlier command must have set.
proc needed {variable command} {
    if {![info exists ::state($variable)]} { error "$variable is not set: $command comes first" }
    return $::state($variable)
}

proc require {condition message} {
    if {![uplevel 1 [list expr $condition]]} { error [uplevel 1 [list subst $message]] }
}

proc write_file {path} {
    file mkdir [file dirname $path]
    close [open $path w]
}

source [lindex $argv 0]
source [lindex $argv 1]
